//! The links of a replica's hosts into its networks: a veth pair each, as fast as the host's network
//! interface is declared to be, and carrying nothing while it is made to be cut.

use driver::Scope;
use model::lab::Speed;
use model::name::Name;
use model::resource::{Address, HostLink, Kind};

use super::network::{self, ip_in, run_in};

/// How much may leave at once, as a part of a second: enough to keep the speed with a timer that
/// wakes a hundred times a second.
const BURST: u64 = 100;
/// At least that much, in bytes: what the kernel hands down as one piece (GSO, 64 KiB).
const LEAST_BURST: u64 = 64 << 10;
/// How long a packet waits at most before it is dropped.
const LATENCY: &str = "50ms";

/// The name of a bridge or link inside a namespace: at most 15 characters, the same every time.
fn link_name(scope: &Scope, sign: char, host: &Name, network: &Name) -> String {
    let id = scope.id.object(&Address::new(Kind::Host, host.clone()));
    let id = uuid::Uuid::new_v5(&id, network.as_str().as_bytes());
    let mut hex = id.simple().to_string();
    hex.truncate(12);
    format!("{sign}{hex}")
}

/// The bridge of a host for a network.
pub(super) fn bridge(scope: &Scope, host: &Name, network: &Name) -> String {
    link_name(scope, 'b', host, network)
}

/// What is told of a link without one of its ends.
pub(super) fn leads_nowhere(network: &Name) -> String {
    format!("its link into network {network} leads nowhere")
}

/// A link of a host into a network, by the processes that hold the two namespaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) scope: &'a Scope,
    pub(super) host: &'a Name,
    pub(super) network: &'a Name,
    /// Who holds the host.
    pub(super) own: i32,
    /// Who holds the network.
    pub(super) holder: i32,
}

impl Ends<'_> {
    /// The end inside the host.
    fn up(&self) -> String {
        link_name(self.scope, 'u', self.host, self.network)
    }

    /// The end inside the network.
    fn port(&self) -> String {
        link_name(self.scope, 'h', self.host, self.network)
    }

    /// Makes the link, or brings it up to the declaration: each end in the namespace that it
    /// belongs to. `cut`: it carries nothing.
    pub(super) fn plug(&self, link: &HostLink, cut: bool) -> Result<(), String> {
        let (own, holder) = (self.own, self.holder);
        let (up, port) = (self.up(), self.port());
        let bridge = bridge(self.scope, self.host, self.network);
        let missing = |pid: i32, link: &str| ip_in(pid, &["link", "show", link]).is_err();
        if missing(own, &up) || missing(holder, &port) {
            let _ = ip_in(own, &["link", "delete", &up]);
            let _ = ip_in(holder, &["link", "delete", &port]);
            let (mtu, pid) = (link.mtu.to_string(), own.to_string());
            ip_in(
                holder,
                &[
                    "link", "add", &port, "mtu", &mtu, "type", "veth", "peer", "name", &up, "mtu",
                    &mtu, "netns", &pid,
                ],
            )?;
        }
        if let Some(speed) = link.speed {
            shape(own, &up, speed)?;
            shape(holder, &port, speed)?;
        }
        ip_in(own, &["link", "set", &up, "master", &bridge, "up"])?;
        self.switch(cut)
    }

    /// Cuts the link, or joins it again.
    pub(super) fn switch(&self, cut: bool) -> Result<(), String> {
        let state = if cut { "down" } else { "up" };
        let port = self.port();
        let set = ["link", "set", &port, "master", network::BRIDGE, state];
        ip_in(self.holder, &set).map(drop)
    }

    /// What is wrong with the link, if anything.
    pub(super) fn fault(&self, link: &HostLink, cut: bool) -> Option<String> {
        let (up, port) = (self.up(), self.port());
        let bridge = bridge(self.scope, self.host, self.network);
        let look = |pid: i32, link: &str, bridge: &str| {
            let told = ip_in(pid, &["-o", "link", "show", "dev", link]).unwrap_or_default();
            let there = told.contains(&format!(" master {bridge} "));
            (there, told.contains(",UP"))
        };
        let (inside, on) = look(self.own, &up, &bridge);
        let (outside, carries) = look(self.holder, &port, network::BRIDGE);
        if !(inside && on && outside) {
            return Some(leads_nowhere(self.network));
        }
        match (cut, carries) {
            (false, false) => return Some(leads_nowhere(self.network)),
            (true, true) => {
                let network = self.network;
                return Some(format!(
                    "its link into network {network} is to be cut, and carries packets"
                ));
            }
            (false, true) | (true, false) => {}
        }
        let wanted = link.speed?;
        let as_fast = |pid: i32, link: &str| shaped(pid, link) == Some(wanted.0 / 8);
        let well = as_fast(self.own, &up) && as_fast(self.holder, &port);
        (!well).then(|| {
            format!(
                "its link into network {} is not held to {wanted}",
                self.network
            )
        })
    }
}

/// Holds what leaves by a link to a speed.
fn shape(pid: i32, link: &str, speed: Speed) -> Result<(), String> {
    let rate = format!("{}bit", speed.0);
    let burst = (speed.0 / 8 / BURST).max(LEAST_BURST).to_string();
    let words = [
        "qdisc", "replace", "dev", link, "root", "tbf", "rate", &rate, "burst", &burst, "latency",
        LATENCY,
    ];
    run_in(pid, "tc", &words).map(drop)
}

/// The speed that a link is held to, in bytes a second, if it is.
fn shaped(pid: i32, link: &str) -> Option<u64> {
    let told = run_in(pid, "tc", &["-json", "qdisc", "show", "dev", link]).ok()?;
    rate(&told)
}

fn rate(told: &str) -> Option<u64> {
    let all: Vec<serde_json::Value> = serde_json::from_str(told).ok()?;
    let mut tbf = all.iter().filter(|one| one["kind"] == "tbf");
    tbf.next()?["options"]["rate"].as_u64()
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_speed_is_read_back_from_what_tc_tells() {
        let told = r#"[{"kind":"tbf","handle":"8001:","root":true,"refcnt":3,"options":{"rate":12500000,"burst":125000,"lat":50000}}]"#;
        assert_eq!(rate(told), Some(12_500_000));
        assert_eq!(
            rate(r#"[{"kind":"noqueue","handle":"0:","options":{}}]"#),
            None
        );
        assert_eq!(rate(""), None);
    }
}
