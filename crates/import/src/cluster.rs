//! A running cluster, by what its API server lists: objects in, a lab out.
//!
//! Who reads the objects does not matter here: a connection, or files with lists as kubectl prints
//! them. Objects of kinds that are not there are simply not there; what the server refused to show
//! is told. Objects have far more fields than people ever set, so unlike the other imports this
//! one knows which fields are meant: those are taken or noted, what the cluster itself fills in is
//! not repeated.

mod cni;
mod kubernetes;
mod nodes;
mod objects;
mod pools;
mod releases;
mod settings;
mod storage;
mod terms;

use model::lab::Cluster;

use crate::draft::Draft;
use crate::{Files, ImportError, Imported, blank};
use objects::Objects;
use settings::Settings;

pub(crate) fn import(files: &Files) -> Result<Imported, ImportError> {
    let objects = Objects::read(files)?;
    let nodes = nodes::read(&objects)?;
    let mut draft = Draft::new(crate::names::known("imported"));
    let settings = Settings::read(&mut draft, &objects, &nodes)?;
    let (lab, name) = kubernetes::names_of(&objects, &settings, &nodes);
    draft.lab.lab = lab;
    objects.tell_refused(&mut draft);
    nodes::place(&mut draft, &name, &nodes)?;
    let cluster = cluster(&mut draft, &objects, &settings, &nodes)?;
    draft.took(format!(
        "the cluster {name}: {} {}, {}",
        cluster.distribution.word(),
        cluster.distribution.kubernetes().unwrap_or_default(),
        cluster.cni.word()
    ));
    draft.lab.clusters.insert(name, cluster);
    storage::place(&mut draft, &objects);
    releases::place(&mut draft, &objects)?;
    pools::load_balancers(&mut draft, &objects);
    pools::ingresses(&mut draft, &objects);
    pools::addresses(&mut draft, &objects);
    Ok(draft.finish())
}

fn cluster(
    draft: &mut Draft,
    objects: &Objects,
    settings: &Settings,
    nodes: &[nodes::Seen<'_>],
) -> Result<Cluster, ImportError> {
    let found = cni::find(draft, objects, nodes);
    let pods = settings.pods(draft, objects, nodes, &found.pods)?;
    let services = settings.services(draft, objects)?;
    let distribution = kubernetes::distribution(draft, objects, settings, nodes);
    let endpoint = kubernetes::endpoint(draft, objects, settings, nodes);
    let sans = kubernetes::sans(settings, nodes, endpoint.as_ref());
    let usual = |number: u32| {
        let mut hosts = services.first().hosts();
        hosts.nth(number as usize)
    };
    // Default: the tenth address, and the first. A range without its own address counts from 1.
    let tenth = if services.first().addr().is_ipv6() {
        10
    } else {
        9
    };
    let first = if services.first().addr().is_ipv6() {
        1
    } else {
        0
    };
    let dns = settings::service(objects, "kube-dns").filter(|at| usual(tenth) != Some(*at));
    let api = settings::service(objects, "kubernetes").filter(|at| usual(first) != Some(*at));
    Ok(Cluster {
        endpoint,
        pods_per_node: settings::per_node(draft, nodes),
        dns,
        api_service: api,
        domain: settings
            .domain
            .clone()
            .unwrap_or_else(|| "cluster.local".to_owned()),
        proxy: settings::proxy(draft, objects, settings),
        sans,
        certificates: settings.certificates.clone(),
        oidc: kubernetes::oidc(objects),
        patches: settings.patches.clone(),
        ..blank::cluster(distribution, pods, services, found.cni)
    })
}
