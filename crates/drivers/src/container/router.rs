//! The router of a replica: a few processes of the node image in namespaces of their own, with a
//! link into each of the lab's networks.
//!
//! ```text
//!  network (namespace) ─ bridge ─ veth ─┐
//!                                       ├─ router (namespace): s6-svscan (pid 1) ─ dnsmasq, chronyd
//!  network (namespace) ─ bridge ─ veth ─┘
//! ```
//! It has the gateways' addresses, answers for the lab's names, hands out addresses, tells the time,
//! and routes between networks that are not closed to each other. It has no other link: nothing
//! that it is sent can go on to this machine or beyond. Only where the lab declares an uplink for its
//! replica, a further process of the node image, in this machine's network, takes what leaves by a
//! tap device and makes connections of its own out of it (slirp4netns(1)): no link, route or rule of
//! this machine is touched by that either.

mod config;
mod root;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use driver::{DriverError, Poll, Scope, StepContext};
use model::inventory::{Observed, Remedy};
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, Kind, Router, RouterLink, Spec};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use super::network::{BRIDGE, ip, ip_in};
use super::tags::Tagged;
use super::{cgroup, launch, record, see, seed, tags};
use crate::HostPaths;

/// Exit code of the launcher where the router is held already.
const HELD: i32 = 75;
/// How long it may take until all of its programs listen.
const LIMIT: Duration = Duration::from_secs(20);
/// Where its programs find what they are told.
const FOLDER: &str = "/run/router";
/// The program that leads out, as Debian names it.
const UPLINK_PROGRAM: &str = "slirp4netns";
/// What listens on which UDP port.
const DNS: u16 = 53;
const DHCP: u16 = 67;
const NTP: u16 = 123;
/// What the supervisor runs.
const SERVICES: [(&str, &str); 2] = [
    (
        "dnsmasq",
        "exec /usr/sbin/dnsmasq --conf-file=/run/router/dnsmasq.conf\n",
    ),
    // -x: it never touches the clock, which is this machine's.
    (
        "chronyd",
        "exec /usr/sbin/chronyd -x -d -u _chrony -f /run/router/chrony.conf\n",
    ),
];

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    lab: Name,
    id: model::plan::LabId,
    lock: PathBuf,
    image: PathBuf,
    spec: Router,
    /// The processes that hold the networks.
    holders: BTreeMap<Name, i32>,
}

impl Order {
    fn scope(&self) -> Scope {
        Scope {
            lab: self.lab.clone(),
            id: self.id,
        }
    }
}

/// The name of one of the ends of the router's link into a network: at most 15 characters, the same
/// every time.
fn end_name(scope: &Scope, sign: char, network: &Name) -> String {
    let id = scope
        .id
        .object(&Address::new(Kind::Network, network.clone()));
    let mut hex = id.simple().to_string();
    hex.truncate(12);
    format!("{sign}{hex}")
}

/// The hardware address of the router in a network: the same every time, so that its neighbours
/// still know it when it was started anew. Locally administered, as a machine's.
fn hardware_address(scope: &Scope, network: &Name) -> String {
    let id = scope
        .id
        .object(&Address::new(Kind::Router, network.clone()));
    let [a, b, c, d, e, ..] = *id.as_bytes();
    format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}

/// Starts the router, unless it runs as declared and is well.
pub(super) fn apply(
    paths: &HostPaths,
    spec: &Router,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let scope = context.scope;
    let well = || {
        let processes = tags::find(scope);
        let own = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        let seen = look(scope, own, &see::holders(&processes));
        seen.is_some_and(|seen| see::is_done(&seen, &step.inputs))
    };
    if well() {
        return Ok(());
    }
    tags::end_all(&step.address, context)?;
    context.doing("starting its services");
    start(paths, spec, step, context)?;
    let pause = Duration::from_millis(20);
    context.wait("its services", LIMIT, pause, || {
        let processes = tags::find(scope);
        let own = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        let seen = look(scope, own, &see::holders(&processes));
        let faults = seen.map(|seen| seen.faults).unwrap_or_default();
        Ok(match faults.first() {
            None if own.iter().any(Tagged::enterable) => Poll::Ready(()),
            None => Poll::Pending("it does not show itself yet".to_owned()),
            Some(fault) => Poll::Pending(fault.what.clone()),
        })
    })
}

fn start(
    paths: &HostPaths,
    spec: &Router,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let scope = context.scope;
    let failed = |cause: String| DriverError::new("starting the router").caused_by(cause);
    let folder = record::lab_folder(&paths.machines, scope);
    fs::create_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
    let processes = tags::find(scope);
    let holders = spec.links.keys().map(|network| {
        let address = Address::new(Kind::Network, network.clone());
        let held = processes.get(&address).and_then(|found| found.first());
        held.map(|one| (network.clone(), one.pid))
            .ok_or_else(|| failed(format!("{address} does not run")))
    });
    let order = Order {
        lab: scope.lab.clone(),
        id: scope.id,
        lock: record::mark(&folder, scope, Kind::Router, &step.address.name),
        image: crate::image::image_folder(&paths.images, &spec.image),
        spec: spec.clone(),
        holders: holders.collect::<Result<_, _>>()?,
    };
    let mut command = Command::new(&paths.program);
    command
        .args(["internal", "router"])
        .env_clear()
        .env("PATH", seed::PATH);
    tags::tag(&mut command, step, context);
    tags::describe(&mut command, &step.resource.spec);
    match launch::run(command, &order).map_err(failed)? {
        (Some(0 | HELD), _) => {}
        (_, said) => return Err(failed(said)),
    }
    if !spec.uplink {
        return Ok(());
    }
    let found = tags::find(scope).remove(&step.address).unwrap_or_default();
    let first = found.iter().find(|one| one.enterable());
    let first = first.ok_or_else(|| failed("it has ended".to_owned()))?.pid;
    let mut command = Command::new(&paths.program);
    command
        .args(["internal", "router-uplink", &first.to_string()])
        .env_clear()
        .env("PATH", seed::PATH);
    tags::tag(&mut command, step, context);
    let done = launch::spawn_and_wait_for_name(command, &order, UPLINK_PROGRAM);
    done.map_err(|said| failed(format!("its uplink: {said}")))
}

/// `internal router-uplink PID`: becomes the uplink of the router whose process 1 that is.
pub(super) fn uplink(first: &str) -> String {
    let order = match read_order() {
        Ok(order) => order,
        Err(error) => return error,
    };
    if let Err(error) = cgroup::enter_lab(&order.scope()) {
        return format!("entering control groups: {error}");
    }
    let _ = nix::unistd::setsid();
    let resolver = fs::canonicalize("/etc/resolv.conf").ok();
    if let Err(error) = root::enter(&order.image, resolver.as_deref()) {
        return format!("putting the file system together: {error}");
    }
    let error = Command::new(format!("/usr/bin/{UPLINK_PROGRAM}"))
        .args(["--configure", "--mtu=1500", "--disable-host-loopback"])
        .args(["--cidr", config::OUTSIDE, "--netns-type=path"])
        .args([&format!("/proc/{first}/ns/net"), config::UPLINK])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    format!("starting {UPLINK_PROGRAM}: {error}")
}

fn read_order() -> Result<Order, String> {
    let mut text = Vec::new();
    io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| format!("reading the order: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("reading the order: {error}"))
}

/// `internal router`: leaves this machine's namespaces, links the networks, starts process 1.
pub(super) fn launcher() -> Result<i32, String> {
    let order = read_order()?;
    let Some(lock) = launch::lock(&order.lock)? else {
        return Ok(HELD);
    };
    let scope = order.scope();
    cgroup::enter_lab(&scope).map_err(|error| format!("entering control groups: {error}"))?;
    let _ = nix::unistd::setsid();
    let left = |error| format!("leaving the host's namespaces: {error}");
    unshare(CloneFlags::CLONE_NEWNET).map_err(left)?;
    ip(&["link", "set", "lo", "up"])?;
    for (network, link) in &order.spec.links {
        let holder = order.holders.get(network).copied();
        plug(&scope, network, link, holder.unwrap_or_default())?;
    }
    // As with a network: settings of the namespace of whoever writes them.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        .map_err(|error| format!("letting it forward: {error}"))?;
    // After the links: a program started from here on would be process 1.
    unshare(CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWPID)
        .map_err(left)?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["internal", "router-init"]);
    let started = launch::spawn_and_wait_for_name(command, &order, tags::SUPERVISOR);
    // The lock lives on in process 1.
    std::mem::forget(lock);
    started.map(|()| 0)
}

/// Links the router to a network. Called inside its network namespace.
fn plug(scope: &Scope, network: &Name, link: &RouterLink, holder: i32) -> Result<(), String> {
    let (own, port) = (end_name(scope, 'r', network), end_name(scope, 'g', network));
    let (mtu, holder_text) = (link.mtu.to_string(), holder.to_string());
    let (mac, address) = (hardware_address(scope, network), link.address.to_string());
    // What an earlier router left goes with its namespace, but not at once.
    let _ = ip_in(holder, &["link", "delete", &port]);
    ip(&[
        "link",
        "add",
        &own,
        "address",
        &mac,
        "mtu",
        &mtu,
        "type",
        "veth",
        "peer",
        "name",
        &port,
        "mtu",
        &mtu,
        "netns",
        &holder_text,
    ])?;
    ip(&["address", "add", &address, "dev", &own])?;
    ip(&["link", "set", &own, "up"])?;
    ip_in(holder, &["link", "set", &port, "master", BRIDGE, "up"]).map(drop)
}

/// `internal router-init`: process 1, until it becomes the supervisor.
pub(super) fn init() -> String {
    let order = match read_order() {
        Ok(order) => order,
        Err(error) => return error,
    };
    if let Err(error) = root::enter(&order.image, None) {
        return format!("putting the file system together: {error}");
    }
    if let Err(error) = nix::unistd::sethostname("router") {
        return format!("setting the host name: {error}");
    }
    if let Err(error) = write_files(&order) {
        return format!("writing its configuration: {error}");
    }
    let rules = format!("{FOLDER}/rules.nft");
    match Command::new("/usr/sbin/nft").args(["-f", &rules]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return format!("setting its rules: {}", said.trim());
        }
        Err(error) => return format!("running nft: {error}"),
    }
    let error = Command::new("/usr/bin/s6-svscan")
        .arg(seed::SERVICES)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    format!("starting the supervisor: {error}")
}

fn write_files(order: &Order) -> io::Result<()> {
    let (scope, spec) = (order.scope(), &order.spec);
    fs::create_dir_all(FOLDER)?;
    let link = |network: &Name| end_name(&scope, 'r', network);
    for (file, text) in [
        ("hosts", config::hosts(spec)),
        ("dnsmasq.conf", config::dnsmasq(spec, FOLDER)),
        ("chrony.conf", config::chrony(spec, FOLDER)),
        ("rules.nft", config::rules(spec, link)),
    ] {
        fs::write(format!("{FOLDER}/{file}"), text)?;
    }
    for (name, command) in SERVICES {
        seed::write_service(name, command)?;
    }
    Ok(())
}

/// What is known of the router by the processes that stand for it, and by a look inside.
pub(super) fn look(
    scope: &Scope,
    processes: &[Tagged],
    holders: &see::Holders,
) -> Option<Observed> {
    let any = processes.first()?;
    let Some(first) = processes.iter().find(|one| one.enterable()) else {
        let seen = see::started(any, any.spec());
        return Some(seen.fault("it does not run", None, Remedy::Repair));
    };
    let spec = first.spec();
    let mut seen = see::started(first, spec.clone());
    let Some(Spec::Router(spec)) = spec else {
        return Some(seen);
    };
    for what in faults(scope, &spec, first.pid, holders) {
        seen = seen.fault(what, None, Remedy::Repair);
    }
    Some(seen)
}

fn faults(scope: &Scope, spec: &Router, first: i32, holders: &see::Holders) -> Vec<String> {
    let mut faults = Vec::new();
    let inside = ip_in(first, &["-o", "-4", "address", "show"]).unwrap_or_default();
    for (network, link) in &spec.links {
        let own = format!(" {} ", end_name(scope, 'r', network));
        let address = format!(" {} ", link.address);
        let has = |line: &str| line.contains(&own) && line.contains(&address);
        let port = end_name(scope, 'g', network);
        let outside = holders
            .get(&Address::new(Kind::Network, network.clone()))
            .and_then(|holder| ip_in(*holder, &["-o", "link", "show", "dev", &port]).ok())
            .is_some_and(|told| {
                told.contains(&format!(" master {BRIDGE} ")) && told.contains(",UP")
            });
        if !(inside.lines().any(has) && outside) {
            faults.push(format!("its link into network {network} leads nowhere"));
        }
    }
    let out = format!(" {} ", config::UPLINK);
    if spec.uplink && !inside.lines().any(|line| line.contains(&out)) {
        faults.push("its uplink leads nowhere".to_owned());
    }
    let open = fs::read_to_string(format!("/proc/{first}/net/udp")).unwrap_or_default();
    let dhcp = spec.links.values().any(|link| link.dhcp.is_some());
    for (port, what, wanted) in [
        (DNS, "names", true),
        (DHCP, "addresses", dhcp),
        (NTP, "the time", true),
    ] {
        if wanted && !listens(&open, port) {
            faults.push(format!("nobody answers for {what} (UDP port {port})"));
        }
    }
    faults
}

/// Whether somebody listens on a UDP port, by the kernel's table of sockets (proc_pid_net(5)).
fn listens(table: &str, port: u16) -> bool {
    let port = format!(":{port:04X}");
    let local = |line: &str| line.split_whitespace().nth(1).map(|at| at.ends_with(&port));
    table.lines().skip(1).any(|line| local(line) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::listens;

    #[test]
    fn listeners_are_found_in_the_kernels_table() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  72: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
  90: 0100000A:007B 0A000001:0035 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
";
        assert!(listens(table, 53));
        assert!(listens(table, 123));
        assert!(!listens(table, 67));
    }
}
