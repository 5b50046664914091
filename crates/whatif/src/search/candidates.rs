//! Small changes that may help, the smaller first.

use model::lab::{Apart, Lab, Placement, Role};
use model::name::Name;

use crate::timeline::{Line, Report};

/// A changed lab.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) lab: Lab,
    pub(super) change: String,
    pub(super) write: Vec<(String, String)>,
}

/// Changes that may help a thing.
pub(super) fn of(lab: &Lab, line: &Line, report: &Report) -> Vec<Candidate> {
    let name = line.thing.strip_prefix("way to ").unwrap_or(&line.thing);
    let mut all = Vec::new();
    if let Some((name, _)) = lab.apps.get_key_value(name) {
        app(lab, name, report, &mut all);
    }
    if line.thing == "api" || line.thing.starts_with("api of ") {
        control_planes(lab, report, &mut all);
    }
    all
}

fn app(lab: &Lab, name: &Name, report: &Report, all: &mut Vec<Candidate>) {
    let Some(declared) = lab.apps.get(name) else {
        return;
    };
    keep_off(lab, name, report, all);
    for (volume_name, volume) in &declared.volumes {
        other_node(lab, name, volume_name, report, all);
        other_class(lab, name, volume_name, volume.class.as_deref(), all);
    }
    volatile_too(lab, name, all);
    other_places(lab, name, all);
    twice(lab, name, all);
}

fn placement(lab: &mut Lab, name: &Name) -> Option<Placement> {
    lab.apps
        .get(name)?
        .placement
        .clone()
        .or_else(|| Some(Placement::default()))
}

/// It keeps off hosts that come and go.
fn keep_off(lab: &Lab, name: &Name, report: &Report, all: &mut Vec<Candidate>) {
    let comes_and_goes = |gone: &String| {
        lab.hosts
            .get(gone.as_str())
            .is_some_and(|host| host.availability.may_be_off())
    };
    if !report.goes.iter().any(comes_and_goes) {
        return;
    }
    let mut changed = lab.clone();
    let Some(mut placement) = placement(&mut changed, name) else {
        return;
    };
    placement.volatile = Some(false);
    if let Some(app) = changed.apps.get_mut(name) {
        app.placement = Some(placement);
    }
    all.push(Candidate {
        lab: changed,
        change: format!("keep {name} off hosts that come and go"),
        write: vec![(
            format!("apps.{name}.placement.volatile"),
            "false".to_owned(),
        )],
    });
}

/// It bears the taints of hosts that come and go.
fn volatile_too(lab: &Lab, name: &Name, all: &mut Vec<Candidate>) {
    let mut changed = lab.clone();
    let Some(mut placement) = placement(&mut changed, name) else {
        return;
    };
    if placement.volatile == Some(true) {
        return;
    }
    placement.volatile = Some(true);
    if let Some(app) = changed.apps.get_mut(name) {
        app.placement = Some(placement);
    }
    all.push(Candidate {
        lab: changed,
        change: format!("let {name} run on hosts that come and go, too"),
        write: vec![(format!("apps.{name}.placement.volatile"), "true".to_owned())],
    });
}

/// Its volume lies on another node.
fn other_node(lab: &Lab, name: &Name, volume: &Name, report: &Report, all: &mut Vec<Candidate>) {
    let here = lab
        .apps
        .get(name)
        .and_then(|app| app.volumes.get(volume)?.on.as_ref());
    let Some(here) = here else {
        return;
    };
    let cluster = lab.nodes.get(here).map(|node| &node.cluster);
    let stays = lab.nodes.iter().filter(|(other, node)| {
        *other != here
            && Some(&node.cluster) == cluster
            && !report.goes.iter().any(|gone| gone == node.on.as_str())
    });
    for (other, _) in stays {
        let mut changed = lab.clone();
        let mut write = vec![(
            format!("apps.{name}.volumes.{volume}.on"),
            other.to_string(),
        )];
        if let Some(app) = changed.apps.get_mut(name) {
            if let Some(volume) = app.volumes.get_mut(volume) {
                volume.on = Some(other.clone());
            }
            if let Some(placement) = app.placement.as_mut().filter(|one| !one.nodes.is_empty()) {
                placement.nodes = vec![other.clone()];
                write.push((format!("apps.{name}.placement.nodes"), format!("[{other}]")));
            }
        }
        all.push(Candidate {
            lab: changed,
            change: format!("move the volume {volume} of {name} to {other}"),
            write,
        });
    }
}

/// Its volume lies in a storage that more than one node reaches.
fn other_class(
    lab: &Lab,
    name: &Name,
    volume: &Name,
    class: Option<&str>,
    all: &mut Vec<Candidate>,
) {
    for (storage_name, storage) in &lab.storage {
        for class_name in storage.classes().keys() {
            let full = format!("{storage_name}.{class_name}");
            if class == Some(full.as_str()) || class == Some(class_name.as_str()) {
                continue;
            }
            let mut changed = lab.clone();
            let mut write = vec![(format!("apps.{name}.volumes.{volume}.class"), full.clone())];
            if let Some(app) = changed.apps.get_mut(name) {
                if let Some(declared) = app.volumes.get_mut(volume) {
                    declared.class = Some(full.clone());
                    if declared.on.take().is_some() {
                        let field = format!("apps.{name}.volumes.{volume}.on");
                        write.push((field, "nothing".to_owned()));
                    }
                }
                let bound = |one: &&mut Placement| !one.nodes.is_empty();
                if let Some(placement) = app.placement.as_mut().filter(bound) {
                    placement.nodes.clear();
                    write.push((format!("apps.{name}.placement.nodes"), "[]".to_owned()));
                }
            }
            all.push(Candidate {
                lab: changed,
                change: format!("keep the volume {volume} of {name} in {full}"),
                write,
            });
        }
    }
}

/// It may run on more nodes.
fn other_places(lab: &Lab, name: &Name, all: &mut Vec<Candidate>) {
    let Some(app) = lab.apps.get(name) else {
        return;
    };
    let bound = app.placement.as_ref().is_some_and(|one| {
        !one.nodes.is_empty() || !one.labels.is_empty() || !one.any_of.is_empty()
    });
    if bound && app.devices.is_empty() {
        let mut changed = lab.clone();
        if let Some(placement) = changed
            .apps
            .get_mut(name)
            .and_then(|app| app.placement.as_mut())
        {
            placement.nodes.clear();
            placement.labels.clear();
            placement.any_of.clear();
        }
        all.push(Candidate {
            lab: changed,
            change: format!("let {name} run on any node"),
            write: vec![(format!("apps.{name}.placement"), "{}".to_owned())],
        });
    }
    // Control planes keep others off by a taint.
    let tainted = lab.nodes.iter().filter(|(_, node)| {
        node.role == Role::ControlPlane && !catalog::node_taints(lab, node).is_empty()
    });
    let names: Vec<Name> = tainted.map(|(name, _)| name.clone()).collect();
    if !names.is_empty() {
        let mut changed = lab.clone();
        for name in &names {
            if let Some(node) = changed.nodes.get_mut(name) {
                node.taints = Some(Vec::new());
            }
        }
        all.push(Candidate {
            lab: changed,
            change: "let pods run on the control planes".to_owned(),
            write: names
                .iter()
                .map(|name| (format!("nodes.{name}.taints"), "[]".to_owned()))
                .collect(),
        });
    }
}

/// It runs twice, on two hosts.
fn twice(lab: &Lab, name: &Name, all: &mut Vec<Candidate>) {
    let mut changed = lab.clone();
    let Some(mut placement) = placement(&mut changed, name) else {
        return;
    };
    placement.apart = Some(Apart::Host);
    if let Some(app) = changed.apps.get_mut(name) {
        // Two pods of something that keeps data are not two of the same.
        if app.stateless == Some(false) || app.volumes.values().any(|volume| !volume.shared) {
            return;
        }
        app.replicas = Some(app.replicas.unwrap_or(1).max(2));
        app.placement = Some(placement);
    }
    all.push(Candidate {
        lab: changed,
        change: format!("run {name} twice, on two hosts"),
        write: vec![
            (format!("apps.{name}.replicas"), "2".to_owned()),
            (format!("apps.{name}.placement.apart"), "host".to_owned()),
        ],
    });
}

/// A control plane that goes stands on a host that stays; or one more is a control plane.
fn control_planes(lab: &Lab, report: &Report, all: &mut Vec<Candidate>) {
    let goes = |host: &Name| report.goes.iter().any(|gone| gone == host.as_str());
    let mut planes: Vec<_> = lab
        .nodes
        .iter()
        .filter(|(_, node)| node.role == Role::ControlPlane)
        .collect();
    // Those on hosts that come and go first: there they are wrong anyway.
    planes.sort_by_key(|(_, node)| {
        lab.host_of(node)
            .is_some_and(|host| host.availability.is_always())
    });
    for (name, node) in planes
        .iter()
        .filter(|(_, node)| goes(&node.on) && node.machine().is_some())
    {
        let free = lab.hosts.iter().filter(|(host, declared)| {
            !goes(host)
                && declared.availability.is_always()
                && declared.site == lab.host_of(node).and_then(|host| host.site.clone())
                && !planes.iter().any(|(_, other)| other.on == **host)
                && lab
                    .nodes
                    .values()
                    .any(|other| other.on == **host && other.machine().is_some())
        });
        for (host, _) in free {
            let mut changed = lab.clone();
            if let Some(node) = changed.nodes.get_mut(*name) {
                node.on = host.clone();
            }
            all.push(Candidate {
                lab: changed,
                change: format!("move the control plane {name} to {host}, which is always on"),
                write: vec![(format!("nodes.{name}.on"), host.to_string())],
            });
        }
    }
    // Two more, so that their number stays odd.
    let stay: Vec<_> = lab
        .nodes
        .iter()
        .filter(|(_, node)| node.role == Role::Worker && !goes(&node.on))
        .filter(|(_, node)| !planes.iter().any(|(_, other)| other.on == node.on))
        .collect();
    for (at, (one, node)) in stay.iter().enumerate() {
        let apart = stay.iter().skip(at + 1);
        for (two, _) in
            apart.filter(|(_, other)| other.on != node.on && other.cluster == node.cluster)
        {
            let mut changed = lab.clone();
            for name in [*one, *two] {
                if let Some(node) = changed.nodes.get_mut(name) {
                    node.role = Role::ControlPlane;
                }
            }
            all.push(Candidate {
                lab: changed,
                change: format!("make {one} and {two} control planes, too"),
                write: vec![
                    (format!("nodes.{one}.role"), "control-plane".to_owned()),
                    (format!("nodes.{two}.role"), "control-plane".to_owned()),
                ],
            });
        }
    }
}
