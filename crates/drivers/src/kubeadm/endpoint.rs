//! The address that the control planes of a cluster hold in turn: keepalived hands it to one that
//! is well, and a load balancer on each leads from it to all API servers.
//!
//! ```text
//!  client ──► address:6443 ──► haproxy on whoever holds it ──► any API server that is well
//!                                └ it is down: the holder's own API server answers instead
//! ```
//! The balancer listens on just that address and the API servers on all, at the same port; the
//! kernel leads a connection to the one who names its address. Both are supervised beside kubelet
//! and stand before kubeadm, which asks for the endpoint from its first phases on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use driver::{DriverError, Poll, StepContext};
use model::name::Name;
use model::resource::Member;

use super::inside::Inside;

/// The balancer's configuration, not where Debian has one of its own. Its service is not started before it is there.
const BALANCER: &str = "/etc/steading/haproxy.cfg";
/// What the balancer does once an API server is down.
const BREAKER: &str = "/etc/steading/haproxy.lua";
/// Ends what is open to an API server that is down: clients would find out by themselves much later.
/// Not at once, as `on-marked-down shutdown-sessions` does it: that also takes those that are just
/// being opened and would go on to another server a moment later, and leaves them hanging until the
/// client gives up (seen with haproxy 3.0.11: a third of all requests of the last second). After
/// more than `timeout connect` none of them is left.
const BREAK: &str = r#"-- Written by Steading.
core.event_sub({ "SERVER_DOWN" }, function(_, data)
  core.msleep(1500)
  local server = data.reference
  if server and server:get_stats()["status"]:sub(1, 4) == "DOWN" then
    server:shut_sess()
  end
end)
"#;
/// keepalived's, likewise.
const HOLDER: &str = "/etc/steading/keepalived.conf";
/// What keepalived asks whether this control plane is well.
const CHECK: &str = "/etc/steading/check-api";
/// What keepalived calls once another holds the address.
const LEAVE: &str = "/etc/steading/leave-address";

/// The priority of every control plane: one that comes back takes the address from nobody.
const PRIORITY: i32 = 200;
/// What an API server that does not answer costs: behind all that answer, and still in line. It
/// must not rule a control plane out, or nobody would hold the address before kubeadm's first run.
const UNWELL: i32 = -30;

/// How long the first holder may take to take the address.
const TAKE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

/// Makes this node one that holds the cluster's shared address, if there is one.
pub(super) fn share(inside: Inside<'_>, member: &Member) -> Result<(), DriverError> {
    let Some(address) = member.shared else {
        return withdraw(inside);
    };
    let port = port(member);
    let link = link(inside, member.address)?;
    let breaker = put(inside, BREAKER, BREAK, 0o644)?;
    let balancer = balancer(address, &member.planes, port);
    let balancer = put(inside, BALANCER, &balancer, 0o644)?;
    start(inside, "haproxy", (breaker || balancer).then_some("-2"))?;
    let check = put(inside, CHECK, &check(port), 0o755)?;
    let leave = put(inside, LEAVE, &leave(address), 0o755)?;
    let holder = put(inside, HOLDER, &holder(address, inside.node, &link), 0o644)?;
    start(
        inside,
        "keepalived",
        (check || leave || holder).then_some("-h"),
    )
}

/// Ends all holding of an address on a node.
pub(super) fn withdraw(inside: Inside<'_>) -> Result<(), DriverError> {
    if inside.read(HOLDER)?.is_none() && inside.read(BALANCER)?.is_none() {
        return Ok(());
    }
    for service in ["keepalived", "haproxy"] {
        let folder = format!("/run/service/{service}");
        inside.must(&["s6-svc", "-wD", "-T", "5000", "-d", &folder], SHORT)?;
    }
    inside.must(
        &["rm", "-f", HOLDER, CHECK, LEAVE, BALANCER, BREAKER],
        SHORT,
    )
}

/// Waits until this node holds the address.
pub(super) fn await_held(
    inside: Inside<'_>,
    member: &Member,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let Some(address) = member.shared else {
        return Ok(());
    };
    let what = format!("the address {address}");
    context.wait(&what, TAKE, PAUSE, || {
        Ok(match link(inside, address) {
            Ok(_) => Poll::Ready(()),
            Err(_) => Poll::Pending(format!("keepalived on {} has not taken it", inside.node)),
        })
    })
}

pub(super) fn port(member: &Member) -> &str {
    let port = member.endpoint.rsplit_once(':').map(|(_, port)| port);
    port.unwrap_or("6443")
}

/// The link of a node that carries an address.
fn link(inside: Inside<'_>, address: IpAddr) -> Result<String, DriverError> {
    let told = inside.output(&["ip", "-o", "address", "show"], SHORT)?;
    link_of(&String::from_utf8_lossy(&told), address).ok_or_else(|| {
        DriverError::new(format!("looking for the link of {}", inside.node))
            .caused_by(format!("none carries {address}"))
    })
}

/// Out of `2: eth0    inet 10.0.0.11/24 …`.
fn link_of(told: &str, address: IpAddr) -> Option<String> {
    told.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let link = words.next()?;
        let found = words.nth(1)?.split('/').next()?;
        (found.parse() == Ok(address)).then(|| link.to_owned())
    })
}

/// Writes a file where it differs; answers whether it did.
fn put(inside: Inside<'_>, path: &str, text: &str, mode: u32) -> Result<bool, DriverError> {
    if inside.read(path)?.as_deref() == Some(text.as_bytes()) {
        return Ok(false);
    }
    inside.write(path, text.as_bytes(), mode)?;
    Ok(true)
}

/// Starts a service, or, where it runs already, has it read what changed by that signal.
fn start(inside: Inside<'_>, service: &str, reread: Option<&str>) -> Result<(), DriverError> {
    let folder = format!("/run/service/{service}");
    let up = inside.output(&["s6-svstat", "-o", "up", &folder], SHORT)?;
    match (up.starts_with(b"true"), reread) {
        (true, None) => Ok(()),
        (true, Some(signal)) => inside.must(&["s6-svc", signal, &folder], SHORT),
        (false, _) => inside.must(&["s6-svc", "-wu", "-T", "5000", "-u", &folder], SHORT),
    }
}

/// haproxy: connections to the shared address go to any API server that is well.
fn balancer(shared: IpAddr, planes: &BTreeMap<Name, IpAddr>, port: &str) -> String {
    let mut text = format!(
        "# Written by Steading.
global
  maxconn 4000
  lua-load {BREAKER}
defaults
  mode tcp
  timeout connect 1s
  timeout check 4s
  # Watches are silent for long; HTTP/2 finds out by itself whether the other end lives.
  timeout client 1h
  timeout server 1h
frontend api
  bind {}:{port} transparent
  default_backend control-planes
backend control-planes
  balance roundrobin
  option redispatch 1
  retries 6
  option httpchk GET /livez
  http-check expect status 200
  default-server check check-ssl verify none inter 2s fastinter 1s fall 3 rise 1
",
        bracketed(shared)
    );
    for (name, address) in planes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  server {name} {}:{port}", bracketed(*address));
    }
    text
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// keepalived: one address, held by one control plane that is well.
fn holder(shared: IpAddr, node: &Name, link: &str) -> String {
    let (address, id) = match shared {
        IpAddr::V4(v4) => (format!("{v4}/32"), v4.octets()[3]),
        IpAddr::V6(v6) => (format!("{v6}/128"), v6.octets()[15]),
    };
    // Two routers of one number on one link would fight; 0 is none.
    let id = id.max(1);
    format!(
        "# Written by Steading.
global_defs {{
  router_id {node}
  script_user root
  enable_script_security
}}
vrrp_script api {{
  script \"{CHECK}\"
  interval 2
  timeout 5
  fall 3
  rise 1
  weight {UNWELL}
}}
vrrp_instance api {{
  state BACKUP
  interface {link}
  virtual_router_id {id}
  priority {PRIORITY}
  advert_int 1
  virtual_ipaddress {{
    {address} dev {link}
  }}
  track_script {{
    api
  }}
  notify_backup \"{LEAVE}\"
}}
"
    )
}

/// Breaks what this node's own programs have open at the address: both ends were here, so nobody
/// would ever tell them that it is elsewhere now.
fn leave(address: IpAddr) -> String {
    format!(
        "#!/bin/sh
# Written by Steading.
ss -K dst {address} >/dev/null 2>&1
ss -K src {address} >/dev/null 2>&1
exit 0
"
    )
}

/// Whether this node's own API server is well. It gives a question up whose end it has seen.
pub(super) fn check(port: &str) -> String {
    format!(
        "#!/bin/sh
# Written by Steading.
printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' |
  socat -t4 -T4 - OPENSSL:127.0.0.1:{port},verify=0,shut-none 2>/dev/null | head -n 1 | grep -q ' 200 '
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = "10.88.0.100";

    #[test]
    fn every_control_plane_is_behind_the_address() {
        let planes = [("cp-1", "10.88.0.11"), ("cp-2", "10.88.0.12")];
        let planes = planes.map(|(name, at)| (name.parse().unwrap(), at.parse().unwrap()));
        let config = balancer(SHARED.parse().unwrap(), &planes.into(), "6443");
        insta::assert_snapshot!(config);
    }

    #[test]
    fn one_control_plane_that_is_well_holds_it() {
        let config = holder(SHARED.parse().unwrap(), &"cp-1".parse().unwrap(), "eth0");
        insta::assert_snapshot!(config);
        // Still in line: 0 would rule it out, 255 is whoever owns the address.
        assert!((1..255).contains(&(PRIORITY + UNWELL)));
    }

    #[test]
    fn the_link_is_known_by_its_address() {
        let told = "1: lo    inet 127.0.0.1/8 scope host lo\n\
                    2: eth0    inet 10.88.0.11/24 scope global eth0\n\
                    2: eth0    inet 10.88.0.100/32 scope global eth0\n";
        let of = |address: &str| link_of(told, address.parse().unwrap());
        assert_eq!(of("10.88.0.100").as_deref(), Some("eth0"));
        assert_eq!(of("10.88.0.1"), None);
    }
}
