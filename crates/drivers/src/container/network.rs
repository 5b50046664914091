//! The lab's networks: a bridge in a network namespace of its own, held by a sleeping process.
//! Nothing of it exists in the host's namespace.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use driver::{DriverError, Scope, StepContext};
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, Kind, NodeMachine, NodeNetwork, Spec};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use super::{cgroup, host_link, launch, record, tags};
use crate::HostPaths;

/// The bridge's name inside its namespace.
pub(super) const BRIDGE: &str = "lab";
/// The link's name inside a node.
pub(super) const LINK: &str = "eth0";
/// The name of the process that holds a network, once the network is complete.
pub(super) const HOLDER: &str = "sleep";
/// Exit code of the holder where the network is held already.
const HELD: i32 = 75;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    lab: Name,
    id: model::plan::LabId,
    lock: PathBuf,
    spec: NodeNetwork,
}

/// Makes the network of a step, unless it is held already.
pub(super) fn start(
    paths: &HostPaths,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let scope = context.scope;
    let name = &step.address.name;
    let failed =
        |cause: String| DriverError::new(format!("making network {name}")).caused_by(cause);
    let Spec::Network(spec) = &step.resource.spec else {
        return Err(failed("its spec is of another kind".to_owned()));
    };
    let folder = record::lab_folder(&paths.machines, scope);
    fs::create_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
    let order = Order {
        lab: scope.lab.clone(),
        id: scope.id,
        lock: record::mark(&folder, scope, Kind::Network, name),
        spec: spec.clone(),
    };
    let mut command = Command::new(&paths.program);
    command
        .args(["internal", "network"])
        .env_clear()
        .env("PATH", super::seed::PATH);
    tags::tag(&mut command, step, context);
    tags::describe(&mut command, &step.resource.spec);
    match launch::spawn_and_wait_for_name(command, &order, HOLDER) {
        Ok(()) => Ok(()),
        Err(said) if said.contains(&format!("exit status: {HELD}")) => Ok(()),
        Err(said) => Err(failed(said)),
    }
}

/// `internal network`: makes the bridge and becomes the process that holds it.
pub(super) fn holder() -> Result<i32, String> {
    let mut text = Vec::new();
    io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| format!("reading the order: {error}"))?;
    let order: Order =
        serde_json::from_slice(&text).map_err(|error| format!("reading the order: {error}"))?;
    let Some(lock) = launch::lock(&order.lock)? else {
        return Ok(HELD);
    };
    let scope = Scope {
        lab: order.lab.clone(),
        id: order.id,
    };
    cgroup::enter_lab(&scope).map_err(|error| format!("entering control groups: {error}"))?;
    let _ = nix::unistd::setsid();
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| format!("leaving the network: {error}"))?;
    set_up(&order.spec)?;
    // The lock lives on in the process that this one becomes.
    std::mem::forget(lock);
    let error = Command::new(HOLDER)
        .arg("infinity")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    Err(format!("becoming the holder: {error}"))
}

fn set_up(spec: &NodeNetwork) -> Result<(), String> {
    let mtu = spec.mtu.to_string();
    let address = format!("{}/{}", spec.gateway, spec.cidr.prefix_len());
    ip(&["link", "set", "lo", "up"])?;
    ip(&[
        "link",
        "add",
        BRIDGE,
        "mtu",
        &mtu,
        "type",
        "bridge",
        "forward_delay",
        "0",
    ])?;
    if !spec.routed {
        ip(&["address", "add", &address, "dev", BRIDGE])?;
    }
    ip(&["link", "set", BRIDGE, "up"])?;
    // Settings of the network belong to the namespace of whoever writes them: not to the host.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        .map_err(|error| format!("letting the network forward: {error}"))
}

pub(super) fn ip(words: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("running ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "ip {}: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// Runs `ip` in the network namespace of a process.
pub(super) fn ip_in(pid: i32, words: &[&str]) -> Result<String, String> {
    run_in(pid, "ip", words)
}

/// Runs a program of this host in the network namespace of a process.
pub(super) fn run_in(pid: i32, program: &str, words: &[&str]) -> Result<String, String> {
    let output = Command::new("nsenter")
        .arg(format!("--net=/proc/{pid}/ns/net"))
        .arg(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("running nsenter: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{program} {}: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// The name of a node's end of the link in the lab's namespace: at most 15 characters, the same
/// every time.
fn port_name(scope: &Scope, node: &Name) -> String {
    let id = scope.id.object(&Address::new(Kind::Machine, node.clone()));
    let mut hex = id.simple().to_string();
    hex.truncate(12);
    format!("n{hex}")
}

/// The hardware address of a machine: the same every time, so that its neighbours still know it when
/// it comes back. Locally administered (IEEE 802, the second bit of the first byte).
fn hardware_address(scope: &Scope, node: &Name) -> String {
    let id = scope.id.object(&Address::new(Kind::Machine, node.clone()));
    let [a, b, c, d, e, ..] = *id.as_bytes();
    format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}

/// Where a machine's link ends: the process that holds the namespace, and the bridge in it.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    pub(super) holder: i32,
    pub(super) bridge: String,
}

impl Socket {
    /// The one of a machine, among the processes that hold networks and hosts; `None` where what
    /// it is linked to does not run.
    pub(super) fn of(
        scope: &Scope,
        spec: &NodeMachine,
        holder: impl Fn(&Address) -> Option<i32>,
    ) -> Option<Self> {
        let (address, bridge) = if spec.inside_host {
            let bridge = host_link::bridge(scope, &spec.host, &spec.network);
            (Address::new(Kind::Host, spec.host.clone()), bridge)
        } else {
            let network = Address::new(Kind::Network, spec.network.clone());
            (network, BRIDGE.to_owned())
        };
        let holder = holder(&address)?;
        Some(Self { holder, bridge })
    }
}

/// Links a node to its network: both ends are made in the namespaces that they belong to.
/// What is linked already is only brought up to the declaration. Answers whether the link was made.
pub(super) fn attach(
    scope: &Scope,
    node: &Name,
    spec: &NodeMachine,
    socket: &Socket,
    machine: i32,
) -> Result<bool, String> {
    let Socket { holder, bridge } = socket;
    let holder = *holder;
    let port = port_name(scope, node);
    let (mtu, pid) = (spec.mtu.to_string(), machine.to_string());
    let mac = hardware_address(scope, node);
    let missing = |pid: i32, link: &str| ip_in(pid, &["link", "show", link]).is_err();
    let made = missing(machine, LINK) || missing(holder, &port);
    if made {
        // An end without its other half, in another namespace or from a machine that is no more.
        let _ = ip_in(machine, &["link", "delete", LINK]);
        let _ = ip_in(holder, &["link", "delete", &port]);
        ip_in(
            holder,
            &[
                "link", "add", &port, "mtu", &mtu, "type", "veth", "peer", "name", LINK, "address",
                &mac, "mtu", &mtu, "netns", &pid,
            ],
        )?;
    }
    ip_in(holder, &["link", "set", &port, "master", bridge, "up"])?;
    let (address, gateway) = (spec.address.to_string(), spec.gateway.to_string());
    ip_in(machine, &["link", "set", "lo", "up"])?;
    ip_in(machine, &["link", "set", LINK, "mtu", &mtu, "up"])?;
    ip_in(machine, &["address", "replace", &address, "dev", LINK])?;
    ip_in(machine, &["route", "replace", "default", "via", &gateway])?;
    Ok(made)
}

/// What is wrong with the lab's end of a machine's link, if anything.
pub(super) fn port_fault(scope: &Scope, node: &Name, socket: &Socket) -> Option<String> {
    let port = port_name(scope, node);
    let look = ["-o", "link", "show", "dev", &port];
    let told = ip_in(socket.holder, &look).unwrap_or_default();
    let attached = told.contains(&format!(" master {} ", socket.bridge)) && told.contains(",UP");
    (!attached).then(|| "its network link leads nowhere".to_owned())
}

/// What is wrong with a network that is held, and why, if anything.
pub(super) fn fault(holder: i32, spec: &NodeNetwork) -> Option<(String, Option<String>)> {
    let look = |words: &[&str]| ip_in(holder, words);
    let told = look(&["-o", "address", "show", "dev", BRIDGE]).and_then(|addresses| {
        let link = look(&["-o", "link", "show", "dev", BRIDGE])?;
        Ok((addresses, link))
    });
    match told {
        Err(error) => Some(("its bridge is gone".to_owned(), Some(error))),
        Ok((addresses, _))
            if !spec.routed && !addresses.contains(&format!(" {}/", spec.gateway)) =>
        {
            Some((format!("its bridge has lost {}", spec.gateway), None))
        }
        // A bridge without ports has no carrier, but is up.
        Ok((_, link)) if !(link.contains(",UP") || link.contains("<UP")) => Some((
            "its bridge is down".to_owned(),
            Some(link.trim().to_owned()),
        )),
        Ok(_) => None,
    }
}
