//! `steading off` and `steading on`: what of a replica is switched off and on again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driver::{Cancel, StepContext};
use drivers::container::How;
use drivers::kubeadm::Asked;
use jiff::Timestamp;
use model::name::Name;
use model::trouble::{NoTrouble, Trouble};
use serde::Serialize;
use store::StoreError;

use crate::args::{ChangeArgs, Format, LabArg, OfReplica, OffArgs, OnArgs, RungArg, Sources};
use crate::commands::{check, up};
use crate::exit::Exit;
use crate::output::{Told, answer_json, tell};
use crate::session::Session;
use crate::signals;

/// How long after a cluster did not answer it is asked again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// What a switch of a host answers to programs.
#[derive(Debug, Serialize)]
struct Switched<'a> {
    host: &'a Name,
    on: bool,
    /// Its nodes, which went or come with it.
    nodes: Vec<&'a Name>,
    /// What became of their pods, where they were asked to leave before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<Asked>,
}

/// What the beginning or end of a trouble answers to programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Changed {
    /// What, as the command line names it.
    what: String,
    in_force: bool,
}

/// What a person names.
enum Named {
    Host(Name),
    Trouble(Trouble),
}

impl OfReplica {
    fn rung(&self) -> RungArg {
        RungArg {
            lab: LabArg {
                lab: self.lab.clone(),
            },
            replica: true,
        }
    }

    fn open(&self) -> anyhow::Result<Option<Session>> {
        let Some(checked) = check::usable_quietly(self.rung().which())? else {
            return Ok(None);
        };
        Ok(Some(Session::open(checked, None)?))
    }
}

/// Finds what is named in the replica.
fn find(session: &Session, what: &str, any_percent: bool) -> anyhow::Result<Named> {
    let hosts: BTreeSet<&Name> = session.lab.hosts.keys().collect();
    let networks: BTreeSet<&Name> = session.lab.networks.keys().collect();
    if what.contains(':') {
        let trouble = Trouble::read(what, &hosts, &networks, any_percent)?;
        return Ok(Named::Trouble(trouble));
    }
    let host = hosts.iter().find(|name| name.as_str() == what);
    if let Some(host) = host {
        return Ok(Named::Host((*host).clone()));
    }
    Err(NoTrouble::host(what, &hosts).into())
}

/// Runs something with what a step of a run would be given.
fn within<T>(
    session: &Session,
    work: impl FnOnce(&StepContext<'_>) -> Result<T, driver::DriverError>,
) -> anyhow::Result<T> {
    let cancel = Cancel::default();
    let context = StepContext {
        scope: &session.scope,
        generation: session.store.generation()?,
        cancel: &cancel,
        progress: &Told,
    };
    Ok(work(&context)?)
}

fn nodes_on<'a>(session: &'a Session, host: &Name) -> Vec<&'a Name> {
    let nodes = session.lab.nodes.iter();
    nodes
        .filter(|(_, node)| node.on == *host)
        .map(|(name, _)| name)
        .collect()
}

fn list(nodes: &[&Name]) -> String {
    let names: Vec<&str> = nodes.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}

pub(crate) fn off(arguments: &OffArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(session) = arguments.of.open()? else {
        return Ok(Exit::Refused);
    };
    match find(&session, &arguments.what, false)? {
        Named::Host(host) => host_off(&session, &host, arguments, format),
        Named::Trouble(trouble) if arguments.graceful => {
            anyhow::bail!(
                "--graceful is for hosts; {} has no other way",
                trouble.key()
            )
        }
        Named::Trouble(trouble) => {
            let container = &session.container;
            within(&session, |context| {
                container.begin_trouble(&trouble, Timestamp::now(), context)
            })?;
            let lab = arguments.of.lab.display();
            tell(&trouble.does());
            tell(&format!(
                "  steading on {} --lab {lab}   ends that",
                trouble.key()
            ));
            told(format, &trouble.to_string(), true)
        }
    }
}

fn told(format: Format, what: &str, in_force: bool) -> anyhow::Result<Exit> {
    if format == Format::Json {
        let what = what.to_owned();
        answer_json(&Changed { what, in_force })?;
    }
    Ok(Exit::Done)
}

/// Asks the pods of nodes to leave, cluster by cluster, as disruption budgets let them.
fn asked(
    session: &Session,
    nodes: &[&Name],
    context: &StepContext<'_>,
) -> Result<Vec<Asked>, driver::DriverError> {
    let mut told = Vec::new();
    for (cluster, own) in by_cluster(session, nodes) {
        told.extend(session.kubeadm.ask_to_leave(&cluster, &own, context)?);
    }
    Ok(told)
}

/// Nodes by their clusters.
fn by_cluster(session: &Session, nodes: &[&Name]) -> BTreeMap<Name, Vec<Name>> {
    let mut all: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    for name in nodes {
        if let Some(node) = session.lab.nodes.get(*name) {
            let own = all.entry(node.cluster.clone()).or_default();
            own.push((*name).clone());
        }
    }
    all
}

/// What came of it, in words.
fn in_words(asked: &Asked) -> String {
    let node = &asked.node;
    let left: Vec<&str> = asked.left.iter().map(String::as_str).collect();
    let left = match left.as_slice() {
        [] => "no pod left it".to_owned(),
        [one] => format!("{one} left it"),
        several => format!("{} pods left it ({})", several.len(), several.join(", ")),
    };
    match &asked.stays {
        None => format!("{node}: {left}"),
        Some(why) => format!("{node}: {left}; went on without the others: {why}"),
    }
}

fn host_off(
    session: &Session,
    host: &Name,
    arguments: &OffArgs,
    format: Format,
) -> anyhow::Result<Exit> {
    let how = match arguments.graceful {
        true => How::Graceful,
        false => How::Cut,
    };
    let nodes = nodes_on(session, host);
    let asked = match how {
        How::Graceful => within(session, |context| asked(session, &nodes, context))?,
        How::Cut => Vec::new(),
    };
    within(session, |context| {
        session
            .container
            .switch_off(host, how, Timestamp::now(), context)
    })?;
    if format == Format::Json {
        answer_json(&Switched {
            host,
            on: false,
            nodes,
            asked,
        })?;
        return Ok(Exit::Done);
    }
    let lab = arguments.of.lab.display();
    for one in &asked {
        tell(&in_words(one));
    }
    tell(&format!("{host} is off, and with it {}", list(&nodes)));
    tell(&format!(
        "  steading heal --replica {lab}       moves what may move"
    ));
    tell(&format!(
        "  steading on {host} --lab {lab}   brings it back"
    ));
    Ok(Exit::Done)
}

pub(crate) fn on(arguments: &OnArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(session) = arguments.of.open()? else {
        return Ok(Exit::Refused);
    };
    let Some(what) = &arguments.what else {
        return all_on(session, arguments, format);
    };
    match find(&session, what, true)? {
        Named::Host(host) => {
            if !session.container.switch_on(&host, &session.scope)? {
                tell(&format!("{host} was not off"));
            }
            start(session, arguments, format, host.as_str())
        }
        Named::Trouble(trouble) => {
            let container = &session.container;
            let was = within(&session, |context| container.end_trouble(&trouble, context))?;
            let key = trouble.key();
            tell(&match was {
                true => format!("{key} is over"),
                false => format!("{key} was not in force"),
            });
            told(format, &key, false)
        }
    }
}

fn all_on(session: Session, arguments: &OnArgs, format: Format) -> anyhow::Result<Exit> {
    let (container, scope) = (&session.container, &session.scope);
    for one in container.troubles(scope) {
        tell(&format!("{} is over", one.trouble.key()));
    }
    within(&session, |context| container.end_troubles(context))?;
    let hosts = container.switched_off(scope);
    for host in &hosts {
        container.switch_on(host, scope)?;
        tell(&format!("{host} is on"));
    }
    if hosts.is_empty() {
        return told(format, "all", false);
    }
    start(session, arguments, format, "everything")
}

/// Starts what belongs on hosts that were switched on.
fn start(session: Session, arguments: &OnArgs, format: Format, what: &str) -> anyhow::Result<Exit> {
    let cancel = signals::listen()?;
    let change = ChangeArgs {
        rung: arguments.of.rung(),
        sources: Sources { artifacts: None },
        force: Vec::new(),
        yes: true,
    };
    let welcome = Welcome::of(&session);
    // Apps wait for their nodes: these take pods again as soon as somebody can be told.
    let over = Cancel::default();
    let started = std::thread::scope(|threads| {
        threads.spawn(|| welcome.give(&over));
        let started = up::start(session, &change, Some(format), &cancel);
        over.request();
        started
    });
    match started {
        Err(error) if error.downcast_ref::<StoreError>().is_some_and(held) => {
            tell(&format!(
                "{what} is on; what holds the lab starts what belongs there: {error}"
            ));
            Ok(Exit::Done)
        }
        done => done,
    }
}

const fn held(error: &StoreError) -> bool {
    matches!(error, StoreError::Held(_))
}

/// Nodes that take pods again once their host is back.
struct Welcome {
    kubeadm: Arc<drivers::kubeadm::Kubeadm>,
    scope: driver::Scope,
    generation: Option<model::plan::Generation>,
    nodes: BTreeMap<Name, Vec<Name>>,
}

impl Welcome {
    /// All nodes on hosts that are on.
    fn of(session: &Session) -> Self {
        let off = session.container.switched_off(&session.scope);
        let nodes = session.lab.nodes.iter();
        let nodes = nodes.filter(|(_, node)| !off.contains(&node.on));
        let nodes: Vec<&Name> = nodes.map(|(name, _)| name).collect();
        Self {
            kubeadm: Arc::clone(&session.kubeadm),
            scope: session.scope.clone(),
            generation: session.store.generation().ok(),
            nodes: by_cluster(session, &nodes),
        }
    }

    /// Lets them, cluster by cluster, as soon as each answers; where one did not until the end, says
    /// how a person does it.
    fn give(&self, over: &Cancel) {
        let cancel = Cancel::default();
        let context = StepContext {
            scope: &self.scope,
            generation: self.generation.unwrap_or_default(),
            cancel: &cancel,
            progress: &Told,
        };
        let mut open: Vec<_> = self.nodes.iter().collect();
        loop {
            let last = over.requested();
            open.retain(|(cluster, nodes)| match self.kubeadm.welcome(cluster, nodes, &context) {
                Ok(welcomed) => {
                    for node in welcomed {
                        tell(&format!("{node} takes pods again"));
                    }
                    false
                }
                Err(error) => {
                    if last {
                        let why = error.chain().join(": ");
                        tell(&format!(
                            "nodes that were shut down may still take no pods ({why}); then: kubectl \
                             uncordon NODE"
                        ));
                    }
                    true
                }
            });
            if open.is_empty() || last {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    }
}
