//! `steading status`, and what `up` ends with.

use std::fmt::Write as _;

use anyhow::Context as _;
use driver::Cancel;
use drivers::Forwards as _;
use drivers::container::ContainerDriver;
use drivers::kube::{self, Access};
use model::name::Name;

use crate::args::{Format, StatusArgs};
use crate::commands::check;
use crate::exit::Exit;
use crate::output::status::{LabStatus, text};
use crate::output::style::Style;
use crate::output::{answer, answer_json};
use crate::session::Session;

pub(crate) fn run(arguments: &StatusArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(checked) = check::usable(&arguments.lab.lab)? else {
        return Ok(Exit::Refused);
    };
    let session = Session::open(checked, None)?;
    let cancel = Cancel::default();
    let engine = session.engine(&cancel);
    let inventory = engine.observe(session.resources())?;
    let plan = engine.plan(session.store.generation()?, session.resources(), &inventory);
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
        lab: session.lab.lab.clone(),
        well: plan.is_empty() && plan.notes.is_empty(),
        clusters,
        inventory,
        due: plan.steps,
        notes: plan.notes,
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
    let root = session.checked.root.display();
    writeln!(text, "\nWorth trying:")?;
    writeln!(text, "  steading status {root}")?;
    writeln!(text, "  steading kubectl --lab {root} get pods -A -o wide")?;
    if let Some(node) = session.lab.nodes.keys().next_back() {
        writeln!(text, "  steading ssh --lab {root} {node}")?;
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
        lab_path: &session.checked.root,
    };
    let config = kube::kubeconfig(session.secrets.as_ref(), &access)?;
    let name = format!("kubeconfig-{cluster}.yaml");
    Ok(session.store.write(&name, config.as_bytes())?)
}
