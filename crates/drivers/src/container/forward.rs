//! Forwarders: a port on 127.0.0.1 of this machine that leads into the lab.
//!
//! The lab's networks exist in namespaces of their own, so the host has no route to them and needs
//! none. A forwarder listens outside and opens each connection inside: in the network namespace of
//! a node, where Services and pods are reached as from the node itself.

mod dns;
mod serve;

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::process::Command;
use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, StepContext};
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, ForwardTarget, Spec};
use serde::{Deserialize, Serialize};

use super::{launch, tags};
use crate::HostPaths;

pub(super) use serve::serve;

/// The name that a forwarder's process takes once it listens.
const NAME: &str = "steading-fwd";
/// Ports that are taken where the lab file names none: below Linux's range for outgoing
/// connections, above those of well-known services.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// How long a process that was killed may take to let go of its port, and the pause between looks.
const LETTING_GO: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(10);

/// What a forwarder is told.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    lab: Name,
    id: model::plan::LabId,
    port: u16,
    target: ForwardTarget,
}

/// Starts the forwarder of a step.
pub(super) fn start(
    paths: &HostPaths,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (scope, address) = (context.scope, &step.address);
    let Spec::Forward(spec) = &step.resource.spec else {
        return Err(DriverError::new(format!("{address} is no forward")));
    };
    let port = match spec.listen {
        Some(port) if frees(port, context)? => port,
        Some(port) => {
            return Err(
                DriverError::new(format!("port {port} on 127.0.0.1 is taken"))
                    .hint("stop what listens there, or name another port in the lab file"),
            );
        }
        None => pick(address, context)?,
    };
    let order = Order {
        lab: scope.lab.clone(),
        id: scope.id,
        port,
        target: spec.target.clone(),
    };
    let mut command = Command::new(&paths.program);
    command
        .args(["internal", "forward"])
        .env_clear()
        .env("PATH", super::seed::PATH)
        .env(tags::PORT, port.to_string());
    tags::tag(&mut command, step, context);
    tags::describe(&mut command, &step.resource.spec);
    launch::spawn_and_wait_for_name(command, &order, NAME).map_err(|said| {
        DriverError::new(format!("starting forward {}", address.name)).caused_by(said)
    })
}

/// The first free port, from the one that the forward's own id leads to.
fn pick(address: &Address, context: &StepContext<'_>) -> Result<u16, DriverError> {
    let bytes = *context.scope.id.object(address).as_bytes();
    let span = PORTS.end - PORTS.start;
    let first = u16::from_be_bytes([bytes[0], bytes[1]]) % span;
    let own = PORTS.start + first;
    if frees(own, context)? {
        return Ok(own);
    }
    (1..span)
        .map(|n| PORTS.start + (first + n) % span)
        .find(|port| free(*port))
        .ok_or_else(|| DriverError::new("no port on 127.0.0.1 is free"))
}

/// Whether a port is free, or is so in a moment: a forwarder that was killed is gone from the
/// table of processes before the kernel has closed what it listened on.
fn frees(port: u16, context: &StepContext<'_>) -> Result<bool, DriverError> {
    let waited = context.wait(&format!("port {port}"), LETTING_GO, PAUSE, || {
        Ok(match free(port) {
            true => Poll::Ready(()),
            false => Poll::Pending("somebody listens there".to_owned()),
        })
    });
    match waited {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ErrorKind::TimedOut => Ok(false),
        Err(error) => Err(error),
    }
}

fn free(port: u16) -> bool {
    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody listens on that port of 127.0.0.1, by the kernel's own table: asking by a
/// connection would make the forwarder open one into the lab.
pub(super) fn listens(port: u16) -> bool {
    let wanted = format!("0100007F:{port:04X}");
    fs::read_to_string("/proc/net/tcp").is_ok_and(|table| {
        table.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            // 0A is the state LISTEN.
            words.next() == Some(&wanted) && words.nth(1) == Some("0A")
        })
    })
}
