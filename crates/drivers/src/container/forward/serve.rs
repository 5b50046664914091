//! The forwarding process.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use driver::Scope;
use model::name::Name;
use model::resource::{Address, ForwardTarget, Kind};
use nix::sched::{CloneFlags, setns};

use super::{NAME, Order, dns};
use crate::container::{cgroup, tags};

/// How long one attempt may take to connect, and to ask for an address before.
const CONNECT_LIMIT: Duration = Duration::from_millis(1000);
/// When the next attempt is started beside one that has not come to an end. Inside a lab a
/// connection takes a few milliseconds; one that takes longer leads to something that is away.
const HEAD_START: Duration = Duration::from_millis(150);
/// How often all nodes are tried. A Service sends every new connection to another pod, so a
/// second attempt through the same node may meet a pod that lives.
const ROUNDS: u32 = 4;
/// How often a Service's address is asked for: until it is known, and from then on.
const ASK_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How often it is looked whether nodes have ended that connections lead through.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The stack of threads that only carry bytes or wait, in bytes.
const STACK: usize = 128 * 1024;

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
        known: Mutex::new(None),
        last: Mutex::new(None),
        open: Mutex::new(Vec::new()),
    });
    let watched = Arc::clone(&way);
    spawn(move || watched.end_with_nodes());
    if matches!(way.target, ForwardTarget::Service { .. }) {
        let way = Arc::clone(&way);
        spawn(move || way.keep_asking());
    }
    for client in listener.incoming().flatten() {
        let way = Arc::clone(&way);
        // A thread per connection: there are few.
        spawn(move || carry(&way, client));
    }
    Ok(0)
}

/// Starts a thread. Where there can be none, its connection is closed with what it holds.
fn spawn(work: impl FnOnce() + Send + 'static) {
    drop(std::thread::Builder::new().stack_size(STACK).spawn(work));
}

struct Way {
    scope: Scope,
    target: ForwardTarget,
    /// The Service's address as DNS last told, for when it does not answer.
    known: Mutex<Option<Ipv4Addr>>,
    /// The node that led there last time.
    last: Mutex<Option<Name>>,
    /// What is open through which node's process 1.
    open: Mutex<Vec<(i32, Weak<TcpStream>)>>,
}

fn carry(way: &Arc<Way>, client: TcpStream) {
    let Some((inside, pid)) = way.connect() else {
        // The client sees the connection closed, as from a server that is down.
        return;
    };
    let inside = Arc::new(inside);
    way.open().push((pid, Arc::downgrade(&inside)));
    let (Ok(from_client), Ok(from_inside)) = (client.try_clone(), inside.try_clone()) else {
        return;
    };
    let back = std::thread::Builder::new()
        .stack_size(STACK)
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
    /// Connects through whichever node leads there first.
    fn connect(self: &Arc<Self>) -> Option<(TcpStream, i32)> {
        let (sender, results) = mpsc::channel();
        for round in 0..ROUNDS {
            for (node, pid) in self.nodes() {
                let (way, sender) = (Arc::clone(self), sender.clone());
                // One that comes too late finds nobody to take it, and is closed.
                let again = round > 0;
                spawn(move || drop(sender.send(way.through(pid, again).map(|s| (s, pid, node)))));
                if let Ok(Some(found)) = results.recv_timeout(HEAD_START) {
                    return Some(self.found(found));
                }
            }
            // Where every attempt fails at once, what they lead to is just being started anew.
            std::thread::sleep(HEAD_START);
        }
        drop(sender);
        let last = results.iter().find_map(|found| found);
        last.map(|found| self.found(found))
    }

    fn found(&self, (stream, pid, node): (TcpStream, i32, Name)) -> (TcpStream, i32) {
        *self.last() = Some(node);
        (stream, pid)
    }

    fn open(&self) -> MutexGuard<'_, Vec<(i32, Weak<TcpStream>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is open through nodes that have ended. A connection would keep a dead node's
    /// network alive, and with it the addresses that another node has taken over.
    fn end_with_nodes(&self) {
        loop {
            std::thread::sleep(LOOK_AGAIN);
            self.open().retain(|(pid, stream)| {
                let Some(stream) = stream.upgrade() else {
                    return false;
                };
                let lives = std::path::Path::new(&format!("/proc/{pid}/ns/net")).exists();
                if !lives {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                lives
            });
        }
    }

    /// The nodes that run, each with its process 1; the one that led there last time first.
    fn nodes(&self) -> Vec<(Name, i32)> {
        let nodes = match &self.target {
            ForwardTarget::Api { control_planes, .. } => control_planes,
            ForwardTarget::Service { nodes, .. } => nodes,
        };
        let processes = tags::find(&self.scope);
        let running = |node: &Name| {
            let found = processes.get(&Address::new(Kind::Machine, node.clone()))?;
            let first = found.iter().find(|process| process.enterable())?;
            Some((node.clone(), first.pid))
        };
        let mut nodes: Vec<(Name, i32)> = nodes.iter().filter_map(running).collect();
        let last = self.last();
        nodes.sort_by_key(|(node, _)| last.as_ref() != Some(node));
        nodes
    }

    fn last(&self) -> MutexGuard<'_, Option<Name>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Option<Ipv4Addr>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects from inside the network namespace of a process, which the calling thread enters
    /// for good: only a thread can enter one alone.
    fn through(&self, pid: i32, again: bool) -> Option<TcpStream> {
        enter(pid)?;
        let target = self.target_address(again)?;
        TcpStream::connect_timeout(&target, CONNECT_LIMIT).ok()
    }

    /// Where to connect to. `again`: the first way did not serve.
    fn target_address(&self, again: bool) -> Option<SocketAddr> {
        let (ip, port) = match &self.target {
            ForwardTarget::Api { shared, port, .. } => {
                let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let ip = shared.filter(|_| !again).unwrap_or(own);
                return Some(SocketAddr::new(ip, *port));
            }
            ForwardTarget::Service { port, .. } => {
                let known = *self.known();
                let ip = if again || known.is_none() {
                    self.ask().or(known)?
                } else {
                    known?
                };
                (ip, *port)
            }
        };
        Some(SocketAddr::new(IpAddr::V4(ip), port))
    }

    /// Asks DNS for the Service's address, in the network namespace of the calling thread.
    fn ask(&self) -> Option<Ipv4Addr> {
        let ForwardTarget::Service {
            namespace,
            service,
            dns,
            domain,
            ..
        } = &self.target
        else {
            return None;
        };
        let name = format!("{service}.{namespace}.svc.{domain}");
        let told = dns::look_up(*dns, &name, CONNECT_LIMIT)?;
        *self.known() = Some(told);
        Some(told)
    }

    /// Keeps the Service's address known, so that it is when DNS does not answer.
    fn keep_asking(&self) {
        loop {
            let told = self
                .nodes()
                .into_iter()
                .find_map(|(_, pid)| enter(pid).and_then(|()| self.ask()));
            std::thread::sleep(ASK_AGAIN[usize::from(told.is_some())]);
        }
    }
}

/// Enters the network namespace of a process with the calling thread.
fn enter(pid: i32) -> Option<()> {
    let namespace = File::open(format!("/proc/{pid}/ns/net")).ok()?;
    setns(namespace, CloneFlags::CLONE_NEWNET).ok()
}
