//! Commands that go into a lab: `kubectl`, `logs`, `ssh`.

use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use driver::{MachineCommand, Machines as _};
use drivers::container::{Containers, log_file};
use drivers::image::recipe::Recipe;
use model::name::Name;
use model::resource::{Kind, Spec};

use crate::args::{LogOf, Which};
use crate::commands::{check, status};
use crate::exit::Exit;
use crate::output::{answer, tell};
use crate::session::Session;

fn open(lab: Which<'_>) -> anyhow::Result<Option<Session>> {
    let Some(checked) = check::usable_quietly(lab)? else {
        return Ok(None);
    };
    Session::open(checked, None).map(Some)
}

/// Runs a program at the user's terminal and ends as it ends.
fn run_at_terminal(mut command: Command) -> anyhow::Result<Exit> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("starting {program}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(Exit::Failed, Exit::Of))
}

pub(crate) fn kubectl(
    lab: Which<'_>,
    cluster: Option<&str>,
    arguments: &[String],
) -> anyhow::Result<Exit> {
    let Some(session) = open(lab)? else {
        return Ok(Exit::Refused);
    };
    let clusters = &session.lab.clusters;
    let cluster = match cluster {
        Some(wanted) => clusters.get_key_value(wanted).map(|(name, _)| name),
        None => clusters.keys().next(),
    };
    let Some(cluster) = cluster else {
        let names: Vec<&str> = clusters.keys().map(Name::as_str).collect();
        anyhow::bail!(
            "there is no such cluster; the lab has: {}",
            names.join(", ")
        );
    };
    let kubeconfig = status::write_kubeconfig(&session, cluster)?;
    let mut command = Command::new(kubectl_program(&session).unwrap_or_else(|| "kubectl".into()));
    command.arg("--kubeconfig").arg(kubeconfig).args(arguments);
    run_at_terminal(command)
}

/// The kubectl of the cluster's own version, out of the artifact cache.
fn kubectl_program(session: &Session) -> Option<std::path::PathBuf> {
    session
        .resources()
        .iter()
        .find_map(|resource| match &resource.spec {
            Spec::Artifact(artifact) if artifact.name.as_str() == "node-programs" => {
                let recipe = Recipe::find("node-programs").ok()?;
                drivers::image::find_program(&session.paths, &recipe, artifact.arch, "kubectl")
            }
            _ => None,
        })
}

fn node(session: &Session, node: &str) -> anyhow::Result<Name> {
    match session.lab.nodes.keys().find(|name| name.as_str() == node) {
        Some(name) => Ok(name.clone()),
        None => {
            let names: Vec<&str> = session.lab.nodes.keys().map(Name::as_str).collect();
            anyhow::bail!("there is no node {node}; the lab has: {}", names.join(", "))
        }
    }
}

pub(crate) fn logs(lab: Which<'_>, name: &str, of: LogOf, lines: usize) -> anyhow::Result<Exit> {
    let Some(session) = open(lab)? else {
        return Ok(Exit::Refused);
    };
    let name = node(&session, name)?;
    let service = match of {
        LogOf::Kubelet => "kubelet",
        LogOf::Containerd => "containerd",
    };
    let lines = lines.to_string();
    let tail = MachineCommand::new(
        ["tail", "-n", &lines, &log_file(service)],
        Duration::from_secs(10),
    );
    let output = Containers.run(&session.scope, &name, &tail, &mut |_| {})?;
    answer(&String::from_utf8_lossy(&output.stdout));
    if output.ok() {
        return Ok(Exit::Done);
    }
    tell(String::from_utf8_lossy(&output.stderr).trim());
    Ok(Exit::Failed)
}

pub(crate) fn ssh(lab: Which<'_>, name: &str, command: &[String]) -> anyhow::Result<Exit> {
    let Some(session) = open(lab)? else {
        return Ok(Exit::Refused);
    };
    let name = node(&session, name)?;
    debug_assert!(
        session
            .resources()
            .iter()
            .any(|r| r.address.kind == Kind::Machine)
    );
    run_at_terminal(Containers.shell(&session.scope, &name, command)?)
}
