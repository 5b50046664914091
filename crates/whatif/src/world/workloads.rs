//! What runs in the pods of a lab: apps, components, and what distributions bring along.

use std::collections::BTreeMap;

use catalog::{Runs, RunsAs, known};
use model::lab::{App, AppSource, Component, Distribution, Lab};
use model::name::Name;

use super::claims::{Offered, Wanted};
use super::manifests::{Claim, Priorities};
use super::names::Index;
use super::pods::Shape;
use super::reach::volumes_of;
use super::relations::Told;
use super::{Ask, Attach, Controller, Input, Origin, Way, Workload, World, manifests};
use crate::bits::Bits;
use crate::ids::{ClusterId, Id as _, NodeId, WorkloadId};
use crate::place::eligible::{Wish, eligible};
use crate::rules;

impl World {
    pub(super) fn add_workloads(&mut self, input: Input<'_>, index: &mut Index) {
        let lab = input.lab;
        let mut needs: Vec<Vec<Name>> = Vec::new();
        let mut told: BTreeMap<WorkloadId, Told> = BTreeMap::new();
        let priorities = Priorities::of(input.manifests.values().flatten());
        index.offered = Offered::of(self, input.manifests.values().flatten());
        self.add_cluster_dns(lab, &mut needs);
        for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
            if let Some(workload) = self.component(lab, name, component, index) {
                index
                    .workloads
                    .insert(name.clone(), self.workloads.push(workload));
                needs.push(Vec::new());
            }
        }
        let mut apps: Vec<(WorkloadId, &App)> = Vec::new();
        for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
            if let Some((workload, of)) = self.app(input, &priorities, name, app, index) {
                let id = self.workloads.push(workload);
                told.extend(of.map(|of| (id, of)));
                index.workloads.entry(name.clone()).or_insert(id);
                needs.push(app.needs.clone());
                apps.push((id, app));
            }
        }
        for (id, app) in apps {
            self.workloads[id].way = self.way(id, app, index);
            self.workloads[id].named_by = self.named_by(app);
        }
        self.close_needs(&needs, index);
        self.add_relations(&told);
    }

    /// The DNS that a distribution brings: `CoreDNS`, twice; k3s has one. With kubeadm Steading
    /// brings it, as a component that need not be named.
    fn add_cluster_dns(&mut self, lab: &Lab, needs: &mut Vec<Vec<Name>>) {
        for (at, (name, cluster)) in lab.clusters.iter().enumerate() {
            let replicas = match cluster.distribution {
                Distribution::Talos(_) | Distribution::Nixos(_) => 2,
                Distribution::Kubeadm(_) if names_dns(lab, name) => continue,
                Distribution::Kubeadm(_) => 2,
                Distribution::K3s(_) | Distribution::Kairos(_) | Distribution::K3os(_) => 1,
            };
            let id = ClusterId::at(at);
            let wish = Wish {
                tolerates_control_planes: true,
                ..Wish::default()
            };
            let mut workload = self.blank("coredns", Origin::System, id);
            workload.nodes = eligible(lab, self, name, &wish).nodes;
            workload.replicas = replicas;
            // The requests of its upstream manifest.
            workload.asks = Ask {
                millicpu: 100,
                memory: 70 << 20,
            };
            workload.priority = rules::scheduler::CRITICAL;
            workload.several = true;
            let workload = self.workloads.push(workload);
            self.clusters[id].dns = Some(workload);
            needs.push(Vec::new());
        }
    }

    fn blank(&self, name: &str, origin: Origin, cluster: ClusterId) -> Workload {
        Workload {
            name: name.to_owned(),
            origin,
            cluster,
            controller: Controller::Deployment,
            replicas: 1,
            asks: Ask::default(),
            priority: 0,
            preempts: true,
            must_stay: 0,
            nodes: Bits::none(self.nodes.len()),
            anew: false,
            at: Vec::new(),
            apart: None,
            relations: super::Relations::default(),
            ports: Vec::new(),
            volumes: Vec::new(),
            unbound: Vec::new(),
            needs: Bits::default(),
            needs_dns: false,
            uplinks: Vec::new(),
            patience: rules::eviction::PATIENCE,
            several: false,
            way: None,
            named_by: None,
            ingress: false,
            vpn: false,
            unknown: Vec::new(),
        }
    }

    fn component(
        &mut self,
        lab: &Lab,
        name: &Name,
        component: &Component,
        index: &Index,
    ) -> Option<Workload> {
        let (cluster_name, _) = lab.cluster_or_only(component.cluster.as_ref())?;
        let cluster = index.clusters.get(cluster_name).copied()?;
        let mut workload = self.blank(name.as_str(), Origin::Component, cluster);
        let entry = component.entry(name);
        let known = known().get(entry.as_str());
        let mut wish = Wish::default();
        match known.and_then(|known| known.runs.clone()) {
            Some(runs) => take(&runs, &mut workload, &mut wish),
            None => workload
                .unknown
                .push(format!("the catalog does not tell how {entry} runs")),
        }
        if let Some(requests) = &component.requests {
            workload.asks = asks(requests);
        }
        let replicas = component
            .settings
            .get("replicas")
            .and_then(serde_json::Value::as_u64);
        if let Some(replicas) = replicas {
            workload.replicas = usize::try_from(replicas).unwrap_or(1);
        }
        let provides = |capability| known.is_some_and(|known| known.provides.contains(&capability));
        workload.ingress = provides(catalog::Capability::Ingress);
        workload.several = workload.volumes.is_empty();
        if workload.ingress {
            workload.way = Some(Way::Balanced { keep_source: false });
        }
        if provides(catalog::Capability::Tunnel) {
            workload.uplinks = self.uplinks_of(cluster);
        }
        if entry.as_str() == "coredns" {
            self.clusters[cluster].dns = Some(WorkloadId::at(self.workloads.len()));
        }
        workload.nodes = eligible(lab, self, cluster_name, &wish).nodes;
        if workload.controller == Controller::DaemonSet {
            workload.replicas = workload.nodes.len();
        }
        Some(workload)
    }

    /// The ways to the internet of the sites that a cluster's nodes stand at, if there is one way
    /// for all of them; where it spans sites, a node without its uplink counts as gone anyway.
    pub(super) fn uplinks_of(&self, cluster: ClusterId) -> Vec<crate::ids::LinkId> {
        let mut all: Vec<_> = self.clusters[cluster]
            .nodes
            .iter()
            .filter_map(|node| self.hosts[self.nodes[node].host].site)
            .filter_map(|site| self.sites[site].uplink)
            .collect();
        all.sort();
        all.dedup();
        if all.len() > 1 { Vec::new() } else { all }
    }

    fn app(
        &mut self,
        input: Input<'_>,
        priorities: &Priorities,
        name: &Name,
        app: &App,
        index: &Index,
    ) -> Option<(Workload, Option<Told>)> {
        let lab = input.lab;
        let (cluster_name, _) = lab.cluster_or_only(app.cluster.as_ref())?;
        let cluster = index.clusters.get(cluster_name).copied()?;
        let mut workload = self.blank(name.as_str(), Origin::App, cluster);
        let mut wish = Wish::default();
        let mut shape = from_source(input, priorities, (name, app), &mut workload, &mut wish);
        let settings = app
            .settings
            .get("replicas")
            .and_then(serde_json::Value::as_u64);
        if let Some(replicas) = settings {
            workload.replicas = usize::try_from(replicas).unwrap_or(1);
        }
        if let Some(replicas) = app.replicas {
            workload.replicas = replicas as usize;
        }
        if let Some(requests) = &app.requests {
            workload.asks = asks(requests);
        }
        wish.take(app);
        if let Some(apart) = app.placement.as_ref().and_then(|placement| placement.apart) {
            workload.apart = Some(apart);
        }
        let claims = shape
            .as_mut()
            .map(|shape| std::mem::take(&mut shape.claims));
        let mut claims = claims.unwrap_or_default();
        let waiting: Vec<Wanted> = claims
            .extract_if(.., |claim| waits(app, claim, index))
            .filter_map(|claim| claim.wanted)
            .collect();
        let volumes = volumes_of(app, claims, &mut workload);
        self.volumes(lab, name, &volumes, &mut workload, &mut wish, index);
        if workload.controller == Controller::Deployment
            && catalog::each_its_own(app, workload.replicas)
            && matches!(app.source(), Some(AppSource::Catalog(_)))
        {
            // As the expansion has it.
            workload.controller = Controller::StatefulSet;
        }
        let named = app.namespace.as_ref().unwrap_or(name);
        let keeps_nothing = workload
            .volumes
            .iter()
            .all(|one| one.attach == Attach::Anywhere);
        workload.several = app.stateless.unwrap_or(
            waiting.is_empty()
                && (workload.volumes.is_empty() || keeps_nothing && workload.replicas > 1),
        );
        let eligible = eligible(lab, self, cluster_name, &wish);
        workload.nodes = eligible.nodes.clone();
        let namespace = shape.as_ref().and_then(|shape| shape.namespace.clone());
        let namespace = namespace.unwrap_or_else(|| named.to_string());
        self.wait_for_volumes(&namespace, &waiting, &index.offered, &mut workload);
        workload.needs_dns = !app.needs.is_empty();
        if workload.nodes.is_empty() && workload.unknown.is_empty() {
            self.assume(format!("{name}: no node of the lab takes its pods"));
        }
        let told = shape.map(|shape| Told {
            namespace: namespace.clone(),
            shape,
            eligible,
        });
        Some((workload, told))
    }

    /// What a workload needs, and what that needs in turn.
    fn close_needs(&mut self, direct: &[Vec<Name>], index: &Index) {
        let count = self.workloads.len();
        let mut all: Vec<Bits<WorkloadId>> = (0..count)
            .map(|at| Bits::of(count, [WorkloadId::at(at)]))
            .collect();
        for (set, names) in all.iter_mut().zip(direct) {
            for name in names {
                if let Some(needed) = index.workloads.get(name) {
                    set.insert(*needed);
                }
            }
        }
        for _ in 0..count {
            let before = all.clone();
            for set in &mut all {
                let members: Vec<WorkloadId> = set.iter().collect();
                for member in members {
                    set.add(&before[member.index()]);
                }
            }
            if all == before {
                break;
            }
        }
        for (at, set) in all.into_iter().enumerate() {
            self.workloads[WorkloadId::at(at)].needs = set;
        }
        // A name that is neither app nor component: nothing is known of what it stands for.
        for (at, names) in direct.iter().enumerate() {
            for name in names
                .iter()
                .filter(|name| !index.workloads.contains_key(*name))
            {
                let missing = format!("it needs {name}, which is not in the lab");
                self.workloads[WorkloadId::at(at)].unknown.push(missing);
            }
        }
    }
}

/// Whether a claim waits for its first pod by a class that objects of the lab make.
fn waits(app: &App, claim: &Claim, index: &Index) -> bool {
    let known = |wanted: &Wanted| index.offered.knows(wanted);
    app.volumes.is_empty() && claim.wanted.as_ref().is_some_and(known)
}

/// Whether the lab file names the DNS of a cluster as a component.
fn names_dns(lab: &Lab, cluster: &Name) -> bool {
    lab.components.iter().any(|(name, component)| {
        component.enabled
            && component.entry(name).as_str() == "coredns"
            && lab
                .cluster_or_only(component.cluster.as_ref())
                .is_some_and(|(name, _)| name == cluster)
    })
}

/// Takes over what the source of an app says; what its manifests say of other pods.
fn from_source(
    input: Input<'_>,
    priorities: &Priorities,
    (name, app): (&Name, &App),
    workload: &mut Workload,
    wish: &mut Wish,
) -> Option<Shape> {
    let mut shape = None;
    match app.source() {
        Some(AppSource::Manifests(folder)) => {
            let objects = input.manifests.get(name.as_str());
            let read = objects.map(|objects| manifests::apply(objects, priorities, workload, wish));
            match read {
                Some(Ok(read)) => shape = Some(read),
                Some(Err(why)) => workload.unknown.push(format!("{folder}: {why}")),
                None => workload
                    .unknown
                    .push(format!("the manifests in {folder} were not read")),
            }
        }
        Some(AppSource::Catalog(entry)) => {
            match known()
                .get(entry.as_str())
                .and_then(|known| known.runs.clone())
            {
                Some(runs) => take(&runs, workload, wish),
                None if catalog::components().contains_key(entry.as_str()) => {}
                None => workload
                    .unknown
                    .push(format!("the catalog does not tell how {entry} runs")),
            }
            workload.vpn = entry.as_str() == "wireguard";
        }
        Some(AppSource::Chart(chart)) => {
            // What a chart makes is known only when it is rendered; what the lab file says
            // of the app stands for it where it says enough.
            if app.replicas.is_none() || app.stateless.is_none() && app.volumes.is_empty() {
                workload.unknown.push(format!(
                    "the chart {} is not read: say replicas, and stateless or volumes",
                    chart.name
                ));
            }
        }
        None => workload
            .unknown
            .push("the lab file does not tell what it is made of".to_owned()),
    }
    shape
}

/// Takes over how the catalog says that something runs.
fn take(runs: &Runs, workload: &mut Workload, wish: &mut Wish) {
    workload.controller = match runs.kind {
        RunsAs::Deployment => Controller::Deployment,
        RunsAs::Statefulset => Controller::StatefulSet,
        RunsAs::Daemonset => Controller::DaemonSet,
    };
    workload.replicas = runs.replicas.map_or(1, |replicas| replicas as usize);
    workload.asks = Ask {
        millicpu: runs.millicpu.map_or(0, u64::from),
        memory: runs.memory.map_or(0, |bytes| bytes.0),
    };
    wish.tolerates_control_planes |= runs.everywhere;
    wish.tolerates_all |= runs.everywhere;
}

fn asks(requests: &model::lab::Requests) -> Ask {
    Ask {
        millicpu: requests.millicpu.map_or(0, u64::from),
        memory: requests.memory.map_or(0, |bytes| bytes.0),
    }
}

/// How many pods each workload has on each node, where that is known: what a live inventory tells.
pub type Placed = BTreeMap<WorkloadId, Vec<NodeId>>;

impl World {
    /// Says where pods are.
    pub fn placed(&mut self, placed: Placed) {
        for (workload, at) in placed {
            self.workloads[workload].at = at;
        }
    }
}
