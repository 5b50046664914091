//! What the programs of a replica's router are told: names, addresses to hand out, who may be
//! routed where, and time. Pure: a router's spec in, texts out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use model::name::Name;
use model::resource::{Router, RouterLink};

/// The range between the router and this machine, where there is an uplink: of those for tests of
/// networks (RFC 2544), so that no lab has it.
pub(super) const OUTSIDE: &str = "198.18.53.0/24";
/// Who answers for names there (slirp4netns(1): the third address).
const OUTSIDE_DNS: &str = "198.18.53.3";
/// The link to there.
pub(super) const UPLINK: &str = "uplink";
/// How long an address is handed out for.
const LEASE: &str = "1h";

/// The names that it answers for, as a hosts file (hosts(5)).
pub(super) fn hosts(router: &Router) -> String {
    let mut text = String::new();
    for (name, addresses) in &router.names {
        for address in addresses {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "{address} {name}");
        }
    }
    text
}

/// The configuration of dnsmasq (dnsmasq(8)). Nothing is asked elsewhere but by an uplink; no file is
/// watched, so that no inotify instance is taken.
pub(super) fn dnsmasq(router: &Router, folder: &str) -> String {
    let mut text = format!(
        "keep-in-foreground\nlog-facility=-\nuser=nobody\ngroup=nogroup\nbind-dynamic\n\
         no-resolv\nno-poll\nno-hosts\naddn-hosts={folder}/hosts\n"
    );
    let zones: BTreeMap<&String, &RouterLink> = router
        .links
        .values()
        .filter_map(|link| Some((link.zone.as_ref()?, link)))
        .collect();
    for zone in zones.keys() {
        let _ = writeln!(text, "local=/{zone}/");
    }
    if router.uplink {
        let _ = writeln!(text, "server={OUTSIDE_DNS}");
    }
    if router.links.values().any(|link| link.dhcp.is_some()) {
        let _ = writeln!(
            text,
            "dhcp-authoritative\nno-ping\ndhcp-leasefile={folder}/leases"
        );
    }
    for (network, link) in &router.links {
        handed_out(&mut text, network, link);
    }
    text
}

/// What is handed out in a network.
fn handed_out(text: &mut String, network: &Name, link: &RouterLink) {
    let (Some(dhcp), IpNet::V4(range)) = (&link.dhcp, link.address.trunc()) else {
        return;
    };
    let mask = range.netmask();
    for one in &dhcp.ranges {
        let (first, last) = (one.first(), one.last());
        let _ = writeln!(
            text,
            "dhcp-range=set:{network},{first},{last},{mask},{LEASE}"
        );
    }
    if dhcp.ranges.is_empty() {
        let first = range.network();
        let _ = writeln!(
            text,
            "dhcp-range=set:{network},{first},static,{mask},{LEASE}"
        );
    }
    let own = link.address.addr();
    for option in ["router", "dns-server", "ntp-server"] {
        let _ = writeln!(text, "dhcp-option=tag:{network},option:{option},{own}");
    }
    let _ = writeln!(text, "dhcp-option=tag:{network},option:mtu,{}", link.mtu);
    if let Some(zone) = &link.zone {
        let _ = writeln!(text, "dhcp-option=tag:{network},option:domain-name,{zone}");
    }
    for (name, reserved) in &dhcp.reservations {
        let who = reserved.mac.map(|mac| format!("{mac},"));
        let (who, address) = (who.unwrap_or_default(), reserved.address);
        let _ = writeln!(text, "dhcp-host={who}{address},{name}");
    }
}

/// The configuration of chronyd (chrony.conf(5)): this machine's time for the lab's networks, never
/// set from anywhere.
pub(super) fn chrony(router: &Router, folder: &str) -> String {
    let mut text =
        format!("local stratum 10\ncmdport 0\nbindcmdaddress /\npidfile {folder}/chronyd.pid\n");
    for link in router.links.values() {
        let _ = writeln!(text, "allow {}", link.address.trunc());
    }
    text
}

/// Who may be routed where, for nft (nft(8)). `link` is the name of the router's link into a
/// network. What was begun from the other side may be answered. A network that is closed to
/// another reaches the router only by its own gateway.
pub(super) fn rules(router: &Router, link: impl Fn(&Name) -> String) -> String {
    let mut forward = String::new();
    let mut input = String::new();
    for (network, from) in &router.links {
        for closed in &from.closed_to {
            let Some(to) = router.links.get(closed) else {
                continue;
            };
            let (one, other) = (link(network), link(closed));
            let _ = writeln!(forward, "    iifname \"{one}\" oifname \"{other}\" drop");
            let IpAddr::V4(gateway) = to.address.addr() else {
                continue;
            };
            let _ = writeln!(input, "    iifname \"{one}\" ip daddr {gateway} drop");
        }
    }
    // What goes out does so by the router's own address there.
    let outward = match router.uplink {
        true => format!(
            "  chain outward {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
             oifname \"{UPLINK}\" masquerade\n  }}\n"
        ),
        false => String::new(),
    };
    format!(
        "table inet steading {{\n  \
           chain forward {{\n    type filter hook forward priority filter; policy accept;\n    \
             ct state established,related accept\n{forward}  }}\n  \
           chain input {{\n    type filter hook input priority filter; policy accept;\n\
             {input}  }}\n{outward}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        serde_json::from_value(serde_json::json!({
            "image": "00",
            "links": {
                "guest": {
                    "address": "10.128.0.1/16", "mtu": 1500, "closed_to": ["lan", "gone"],
                    "dhcp": { "ranges": ["10.128.1.0-10.128.1.255"] }
                },
                "lan": {
                    "address": "10.0.0.1/24", "mtu": 1480, "zone": "home.arpa",
                    "dhcp": { "reservations": {
                        "pi": { "address": "10.0.0.11", "mac": "dc:a6:32:00:00:11" },
                        "ditto": { "address": "10.0.0.4" }
                    } }
                },
                "san": { "address": "10.9.0.1/24", "mtu": 9000 }
            },
            "names": { "pi": ["10.0.0.11"], "pi.home.arpa": ["10.0.0.11"] }
        }))
        .unwrap()
    }

    #[test]
    fn only_an_uplink_leads_out() {
        let text = |router: &Router| dnsmasq(router, "") + &rules(router, Name::to_string);
        let mut router = router();
        let words = ["server=198", "masquerade"];
        assert!(words.iter().all(|word| !text(&router).contains(word)));
        router.uplink = true;
        assert!(words.iter().all(|word| text(&router).contains(word)));
    }

    #[test]
    fn everything_declared_is_in_the_texts() {
        let router = router();
        let link = |network: &Name| format!("r-{network}");
        let all = [
            hosts(&router),
            dnsmasq(&router, "/run/router"),
            chrony(&router, "/run/router"),
            rules(&router, link),
        ];
        insta::assert_snapshot!(all.join("----\n"));
    }
}
