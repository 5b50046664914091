//! `steading off` and `steading on`: the power switches of a replica's hosts.

use anyhow::Context as _;
use driver::{Cancel, StepContext};
use drivers::container::How;
use jiff::Timestamp;
use model::name::Name;
use serde::Serialize;
use store::StoreError;

use crate::args::{ChangeArgs, Format, HostArg, LabArg, OffArgs, OnArgs, RungArg, Sources};
use crate::commands::{check, up};
use crate::exit::Exit;
use crate::output::{Told, answer_json, tell};
use crate::session::Session;
use crate::signals;

/// What a switch answers to programs.
#[derive(Debug, Serialize)]
struct Switched<'a> {
    host: &'a Name,
    on: bool,
    /// Its nodes, which went or come with it.
    nodes: Vec<&'a Name>,
}

impl HostArg {
    fn rung(&self) -> RungArg {
        RungArg {
            lab: LabArg {
                lab: self.lab.clone(),
            },
            replica: true,
        }
    }

    /// The replica, and the host's name in it.
    fn open(&self) -> anyhow::Result<Option<(Session, Name)>> {
        let Some(checked) = check::usable(self.rung().which())? else {
            return Ok(None);
        };
        let session = Session::open(checked, None)?;
        let host = session
            .lab
            .hosts
            .keys()
            .find(|name| name.as_str() == self.host);
        let host = host.cloned().with_context(|| {
            let names: Vec<&str> = session.lab.hosts.keys().map(Name::as_str).collect();
            format!(
                "the replica has no host {}; it has: {}",
                self.host,
                names.join(", ")
            )
        })?;
        Ok(Some((session, host)))
    }
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
    let Some((session, host)) = arguments.at.open()? else {
        return Ok(Exit::Refused);
    };
    let cancel = Cancel::default();
    let context = StepContext {
        scope: &session.scope,
        generation: session.store.generation()?,
        cancel: &cancel,
        progress: &Told,
    };
    let how = match arguments.graceful {
        true => How::Graceful,
        false => How::Cut,
    };
    session
        .container
        .switch_off(&host, how, Timestamp::now(), &context)?;
    let nodes = nodes_on(&session, &host);
    if format == Format::Json {
        answer_json(&Switched {
            host: &host,
            on: false,
            nodes,
        })?;
        return Ok(Exit::Done);
    }
    let lab = arguments.at.lab.display();
    tell(&format!("{host} is off, and with it {}", list(&nodes)));
    tell(&format!(
        "  steading heal --replica {lab}       moves what may move"
    ));
    tell(&format!(
        "  steading on {host} --lab {lab}   brings it back"
    ));
    Ok(Exit::Done)
}

const fn held(error: &StoreError) -> bool {
    matches!(error, StoreError::Held(_))
}

pub(crate) fn on(arguments: &OnArgs, format: Format) -> anyhow::Result<Exit> {
    let Some((session, host)) = arguments.at.open()? else {
        return Ok(Exit::Refused);
    };
    let cancel = signals::listen()?;
    let was_off = session.container.switch_on(&host, &session.scope)?;
    if !was_off {
        tell(&format!("{host} was not off"));
    }
    let change = ChangeArgs {
        rung: arguments.at.rung(),
        sources: Sources { artifacts: None },
        force: Vec::new(),
        yes: true,
    };
    match up::start(session, &change, format, &cancel) {
        Err(error) if error.downcast_ref::<StoreError>().is_some_and(held) => {
            tell(&format!(
                "{host} is on; what holds the lab starts what belongs there: {error}"
            ));
            Ok(Exit::Done)
        }
        done => done,
    }
}
