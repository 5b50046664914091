//! The forwarding process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver::Scope;
use model::name::Name;
use model::resource::{Address, ForwardTarget, Kind};
use nix::sched::{CloneFlags, setns};

use super::{NAME, Order, dns};
use crate::container::{cgroup, tags};

/// How long one node may take to connect before the next is tried.
const CONNECT_LIMIT: Duration = Duration::from_millis(1000);
/// How often all nodes are tried. A Service sends every new connection to another pod, so a
/// second attempt through the same node may meet a pod that lives.
const ROUNDS: u32 = 4;
/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

/// `internal forward`.
pub(in crate::container) fn serve() -> Result<i32, String> {
    let mut text = Vec::new();
    io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| format!("reading the order: {error}"))?;
    let order: Order =
        serde_json::from_slice(&text).map_err(|error| format!("reading the order: {error}"))?;
    let scope = Scope {
        lab: order.lab.clone(),
        id: order.id,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, order.port))
        .map_err(|error| format!("listening on 127.0.0.1:{}: {error}", order.port))?;
    cgroup::enter_lab(&scope).map_err(|error| format!("entering control groups: {error}"))?;
    let _ = nix::unistd::setsid();
    // The folder that it was started in must not be held.
    let _ = std::env::set_current_dir("/");
    std::fs::write("/proc/self/comm", NAME).map_err(|error| format!("taking a name: {error}"))?;
    let way = Arc::new(Way {
        scope,
        target: order.target,
        known: Mutex::new(BTreeMap::new()),
        last: Mutex::new(None),
    });
    for client in listener.incoming().flatten() {
        let way = Arc::clone(&way);
        // A thread per connection: there are few, and each enters a namespace of its own.
        let started = std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(move || carry(&way, client));
        drop(started);
    }
    Ok(0)
}

struct Way {
    scope: Scope,
    target: ForwardTarget,
    /// Addresses of Services as DNS last told, for when it does not answer.
    known: Mutex<BTreeMap<String, Ipv4Addr>>,
    /// The node that led there last time.
    last: Mutex<Option<Name>>,
}

fn carry(way: &Way, client: TcpStream) {
    let Some(inside) = way.connect() else {
        // The client sees the connection closed, as from a server that is down.
        return;
    };
    let (Ok(from_client), Ok(from_inside)) = (client.try_clone(), inside.try_clone()) else {
        return;
    };
    let back = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(move || pump(from_inside, &client));
    pump(from_client, &inside);
    if let Ok(back) = back {
        let _ = back.join();
    }
}

/// Carries bytes one way until their end, and passes the end on.
fn pump(mut from: TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

impl Way {
    fn connect(&self) -> Option<TcpStream> {
        for round in 0..ROUNDS {
            if round > 0 {
                std::thread::sleep(PAUSE);
            }
            let processes = tags::find(&self.scope);
            for node in self.nodes() {
                let address = Address::new(Kind::Machine, node.clone());
                let first = processes
                    .get(&address)
                    .and_then(|found| found.iter().find(|process| process.enterable()));
                if let Some(stream) = first.and_then(|process| self.through(process.pid)) {
                    *self.last() = Some(node);
                    return Some(stream);
                }
            }
        }
        None
    }

    /// The nodes to try, the one that led there last time first.
    fn nodes(&self) -> Vec<Name> {
        let nodes = match &self.target {
            ForwardTarget::Api { control_planes, .. } => control_planes,
            ForwardTarget::Service { nodes, .. } => nodes,
        };
        let mut nodes: Vec<Name> = nodes.iter().cloned().collect();
        let last = self.last();
        nodes.sort_by_key(|node| last.as_ref() != Some(node));
        nodes
    }

    fn last(&self) -> MutexGuard<'_, Option<Name>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects from inside the network namespace of a process. Only a thread can enter one alone,
    /// and it does not come back: so the thread is made for it.
    fn through(&self, pid: i32) -> Option<TcpStream> {
        let namespace = File::open(format!("/proc/{pid}/ns/net")).ok()?;
        std::thread::scope(|threads| {
            threads
                .spawn(|| {
                    setns(namespace, CloneFlags::CLONE_NEWNET).ok()?;
                    let target = self.target_address()?;
                    TcpStream::connect_timeout(&target, CONNECT_LIMIT).ok()
                })
                .join()
                .ok()?
        })
    }

    /// Where to connect to, asked in the namespace of the calling thread.
    fn target_address(&self) -> Option<SocketAddr> {
        match &self.target {
            ForwardTarget::Api { port, .. } => {
                Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), *port))
            }
            ForwardTarget::Service {
                namespace,
                service,
                port,
                dns,
                domain,
                ..
            } => {
                let name = format!("{service}.{namespace}.svc.{domain}");
                let told = dns::look_up(*dns, &name, CONNECT_LIMIT);
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(found) = told {
                    known.insert(name.clone(), found);
                }
                let address = *known.get(&name)?;
                Some(SocketAddr::new(IpAddr::V4(address), *port))
            }
        }
    }
}
