//! Apps of a replica: those of the catalog as they are, and stand-ins for all others, with the same
//! numbers, requests, places and volumes.

use model::lab::{App, Arch, Expose, Forward, Lab, Placement, Requests};
use model::name::Name;

use super::{ARCH_LABEL, Making, word};
use crate::component::{ComponentKind, components};
use crate::expand::each_its_own;
use crate::known::{RunsAs, known};

/// The app that stands in for others, and its port.
const STAND_IN: (&str, u16) = ("podinfo", 9898);
/// The label of Kubernetes that tells a node's processors.
const ARCH: &str = "kubernetes.io/arch";

impl Making<'_> {
    /// Apps keep their numbers, requests, places and volumes; what cannot be had is stood in for.
    pub(super) fn apps(&mut self, lab: &mut Lab) {
        lab.apps.retain(|_, app| app.enabled);
        let (mut others, mut unread) = (Vec::new(), Vec::new());
        for (name, app) in &mut lab.apps {
            self.volumes(app);
            self.place(app);
            if is_had(app) {
                self.expose(name, app);
                continue;
            }
            others.push(name.to_string());
            if app.catalog.is_none() {
                unread.push(name.to_string());
            }
            *app = stand_in(name, app);
        }
        if !others.is_empty() {
            let says = format!(
                "{} stands in for each, with its pods, requests, places and volumes",
                STAND_IN.0
            );
            let why = "their images cannot be had here";
            self.stands_in(format!("apps: {}", others.join(", ")), says, why);
        }
        if !unread.is_empty() {
            let names = format!("apps: {}", unread.join(", "));
            let why = "what their manifests or charts say of pods is not read";
            self.stands_in(names, "what the lab file itself says of them", why);
        }
        self.any(lab);
    }

    /// Something must run, so that there is something to see.
    fn any(&mut self, lab: &mut Lab) {
        if let (true, Ok(name)) = (lab.apps.is_empty(), STAND_IN.0.parse::<Name>()) {
            let app = App {
                catalog: Some(name.clone()),
                replicas: Some(4),
                expose: forward(&name, STAND_IN.1),
                ..App::default()
            };
            lab.apps.insert(name, app);
            let why = "the lab file names none that runs";
            self.stands_in("apps", format!("{} with 4 pods", STAND_IN.0), why);
        }
    }

    /// A way in that is not carried out is replaced by a forward to the same Service.
    fn expose(&mut self, name: &Name, app: &mut App) {
        if matches!(app.expose, Some(Expose::Forward(_)) | None) {
            return;
        }
        app.expose = forward(name, STAND_IN.1);
        let field = format!("apps.{name}.expose");
        self.stands_in(
            field,
            "a port of this machine",
            "this way in is not carried out yet",
        );
    }

    /// Where its pods may run, in words that hold here: devices are where their nodes are, and
    /// processors are all of one kind.
    fn place(&self, app: &mut App) {
        let mut placement = app.placement.take().unwrap_or_default();
        for device in std::mem::take(&mut app.devices) {
            let having = self.having(&device);
            match placement.nodes.is_empty() {
                true => placement.nodes = having,
                false => placement.nodes.retain(|node| having.contains(node)),
            }
        }
        let all = placement.any_of.iter_mut().chain([&mut placement.labels]);
        for labels in all {
            if let Some(arch) = labels.remove(ARCH) {
                labels.insert(ARCH_LABEL.to_owned(), arch);
            }
        }
        app.placement = (placement != Placement::default()).then_some(placement);
    }

    /// The nodes that have a device: they are its host, or it is handed to their machine.
    fn having(&self, device: &str) -> Vec<Name> {
        let Some((host, device)) = device.split_once('.') else {
            return Vec::new();
        };
        let has = |node: &model::lab::Node| {
            let handed = |vm: &model::lab::VirtualMachine| {
                let mut devices = vm.devices.iter();
                devices.any(|given| given.as_str() == device)
            };
            node.on.as_str() == host && node.vm.as_ref().is_none_or(handed)
        };
        let nodes = self.of.nodes.iter().filter(|(_, node)| has(node));
        nodes.map(|(name, _)| name.clone()).collect()
    }
}

/// The label that keeps telling for which processors a node was.
pub(super) fn tell_arch(of: &Lab, lab: &mut Lab, here: Arch) {
    for node in lab.nodes.values_mut() {
        let was = of.host_of(node).map_or(here, |host| host.arch);
        node.labels
            .insert(ARCH_LABEL.to_owned(), word(was).to_owned());
    }
}

/// Whether what an app runs can be had.
fn is_had(app: &App) -> bool {
    let entry = app.catalog.as_ref().filter(|_| app.source().is_some());
    entry
        .and_then(|entry| components().get(entry.as_str()))
        .is_some_and(|entry| entry.kind == ComponentKind::App)
}

/// The app that stands in for another.
fn stand_in(name: &Name, app: &App) -> App {
    let entry = app.catalog.as_ref();
    let runs = entry.and_then(|entry| known().get(entry.as_str())?.runs.as_ref());
    let told = app
        .settings
        .get("replicas")
        .and_then(serde_json::Value::as_u64)
        .and_then(|told| u32::try_from(told).ok());
    let replicas = app
        .replicas
        .or(told)
        .or(runs.and_then(|runs| runs.replicas));
    let replicas = replicas.unwrap_or(1);
    let stateful = runs.is_some_and(|runs| runs.kind == RunsAs::Statefulset)
        || each_its_own(app, replicas as usize);
    let controller = match stateful {
        true => "StatefulSet",
        false => "Deployment",
    };
    let requests = app.requests.clone().unwrap_or_else(|| Requests {
        millicpu: runs.and_then(|runs| runs.millicpu),
        memory: runs.and_then(|runs| runs.memory),
    });
    App {
        cluster: app.cluster.clone(),
        namespace: app.namespace.clone(),
        catalog: STAND_IN.0.parse().ok(),
        settings: [
            ("controller".to_owned(), controller.into()),
            ("message".to_owned(), format!("stands in for {name}").into()),
        ]
        .into(),
        replicas: Some(replicas),
        stateless: app.stateless,
        requests: Some(requests),
        volumes: app.volumes.clone(),
        placement: app.placement.clone(),
        expose: forward(name, STAND_IN.1),
        ..App::default()
    }
}

fn forward(service: &Name, port: u16) -> Option<Expose> {
    Some(Expose::Forward(Forward {
        service: service.clone(),
        port,
        listen: None,
    }))
}
