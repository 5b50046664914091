//! `steading status`, and what `up` ends with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use driver::Cancel;
use drivers::Forwards as _;
use drivers::container::{ContainerDriver, InForce};
use drivers::kube::{self, Access};
use model::inventory::{Inventory, Presence};
use model::lab::Availability;
use model::name::Name;

use crate::args::{Format, StatusArgs};
use crate::commands::{check, snapshot};
use crate::exit::Exit;
use crate::output::status::{LabStatus, OffHost, TroubleShown, text};
use crate::output::style::Style;
use crate::output::{answer, answer_json};
use crate::session::Session;

pub(crate) fn run(arguments: &StatusArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(checked) = check::usable(arguments.rung.which())? else {
        return Ok(Exit::Refused);
    };
    let session = Session::open(checked, None)?;
    let cancel = Cancel::default();
    let engine = session.engine(&cancel);
    let inventory = engine.observe(session.resources())?;
    let plan = engine.plan(session.store.generation()?, session.resources(), &inventory);
    let mut notes = plan.notes.clone();
    notes.extend(snapshot::overdue(&session, jiff::Timestamp::now())?);
    let clusters = session
        .lab
        .clusters
        .keys()
        .filter_map(|name| {
            let status = kube::cluster_status(&session.clusters, &session.scope, name).ok()?;
            Some((name.clone(), status))
        })
        .collect();
    let status = LabStatus {
        off: hosts_off(&session, &inventory),
        troubles: troubles(&session),
        lab: session.lab.lab.clone(),
        well: plan.is_empty() && notes.is_empty(),
        clusters,
        inventory,
        due: plan.steps,
        notes,
        interrupted: session.store.past().interrupted().to_vec(),
    };
    match format {
        Format::Json => answer_json(&status)?,
        Format::Text => answer(&text(&status, Style::for_stdout())),
    }
    Ok(if arguments.exit_code && !status.well {
        Exit::ChangesDue
    } else {
        Exit::Done
    })
}

/// What is made to go wrong.
fn troubles(session: &Session) -> Vec<TroubleShown> {
    let shown = |one: InForce| TroubleShown {
        what: one.trouble.to_string(),
        since: one.since,
        does: one.trouble.does(),
        end: format!("steading on {}", one.trouble.key()),
    };
    let troubles = session.container.troubles(&session.scope);
    troubles.into_iter().map(shown).collect()
}

/// The hosts that are off, and whether they may be.
fn hosts_off(session: &Session, inventory: &Inventory) -> BTreeMap<Name, OffHost> {
    let now = jiff::Zoned::now();
    let minute = u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute()));
    let off = inventory.things.iter().filter_map(|(address, seen)| {
        let Presence::Off { how, .. } = &seen.presence else {
            return None;
        };
        let host = session.lab.hosts.get(&address.name);
        let nodes = session.lab.nodes.iter();
        let off = OffHost {
            how: how.clone(),
            expected: expected(host.map(|host| &host.availability), minute.unwrap_or(0)),
            nodes: nodes
                .filter(|(_, node)| node.on == address.name)
                .map(|(name, _)| name.clone())
                .collect(),
        };
        Some((address.name.clone(), off))
    });
    off.collect()
}

/// Whether a host may be off in that minute of the day, in words.
fn expected(availability: Option<&Availability>, minute: u16) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    match availability {
        None | Some(Availability::Always) => "and should be on".to_owned(),
        Some(Availability::Volatile) => "as declared".to_owned(),
        Some(Availability::On(hours)) if hours.contains(minute) => {
            format!("and should be on until {}", clock(hours.to))
        }
        Some(Availability::On(hours)) => format!("as declared until {}", clock(hours.from)),
        Some(Availability::Metered) => "as declared, until it is needed".to_owned(),
    }
}

/// Writes the kubeconfig of every cluster, and says where everything is.
pub(crate) fn where_to_go(session: &Session) -> anyhow::Result<String> {
    let ports = ContainerDriver::new(session.paths.clone()).listening(&session.scope)?;
    let mut text = String::new();
    for cluster in session.lab.clusters.keys() {
        let path = write_kubeconfig(session, cluster)?;
        writeln!(text, "{:<12} {}", "kubeconfig", path.display())?;
    }
    for (name, app) in &session.lab.apps {
        if let (Some(port), true) = (ports.get(name), app.expose.is_some()) {
            writeln!(text, "{name:<12} http://127.0.0.1:{port}")?;
        }
    }
    let lab = session.checked.given.display();
    let replica = session.checked.replica.is_some();
    let rung = if replica { " --replica" } else { "" };
    writeln!(text, "\nWorth trying:")?;
    writeln!(text, "  steading status{rung} {lab}")?;
    writeln!(
        text,
        "  steading kubectl{rung} --lab {lab} get pods -A -o wide"
    )?;
    if let Some(host) = session.lab.hosts.keys().next().filter(|_| replica) {
        writeln!(text, "  steading off {host} --lab {lab}")?;
    } else if let Some(node) = session.lab.nodes.keys().next_back() {
        writeln!(text, "  steading ssh --lab {lab} {node}")?;
    }
    Ok(text)
}

/// Writes the kubeconfig of a cluster into the state folder. It holds no secret.
pub(crate) fn write_kubeconfig(
    session: &Session,
    cluster: &Name,
) -> anyhow::Result<std::path::PathBuf> {
    let ports = ContainerDriver::new(session.paths.clone()).listening(&session.scope)?;
    let forward = format!("{cluster}-api");
    let port = *ports.get(forward.as_str()).with_context(|| {
        format!("cluster {cluster} cannot be reached: {forward} does not run; run steading up")
    })?;
    let access = Access {
        lab: &session.lab.lab,
        cluster,
        port,
        program: &session.paths.program,
        lab_path: &session.home,
    };
    let config = kube::kubeconfig(session.secrets.as_ref(), &access)?;
    let name = format!("kubeconfig-{cluster}.yaml");
    Ok(session.store.write(&name, config.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::expected;
    use model::lab::Availability;

    #[test]
    fn whether_a_host_may_be_off_depends_on_the_hour() {
        let evening = Availability::On("18:00-23:30".parse().unwrap());
        let at = |hour: u16, minute: u16| expected(Some(&evening), hour * 60 + minute);
        assert_eq!(at(17, 59), "as declared until 18:00");
        assert_eq!(at(18, 0), "and should be on until 23:30");
        assert_eq!(at(23, 30), "as declared until 18:00");
        assert_eq!(expected(Some(&Availability::Always), 0), "and should be on");
        assert_eq!(expected(None, 0), "and should be on");
    }
}
