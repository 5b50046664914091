//! S041: What is used is provided.

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::diagnostic::Severity;
use model::lab::{App, Distribution, Expose, Volume};
use model::name::Name;

use crate::finding::Findings;
use crate::pools::pools;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S041",
    title: "What is used is provided.",
    text: "An app that is exposed through an ingress, a tunnel or a load balancer needs one; a volume needs a class; what needs metrics, certificates or secrets needs the component that makes them. Kubernetes accepts all of it and does nothing. Source: published labs with monitors that nobody read, annotations of an operator that was not there, and volumes on paths that nobody made.",
    sees: "The lab file, and what the catalog knows of components. It does not see what manifests and charts ask for.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let has_pool = has_pool(lab);
    let leads_in = LeadsIn::of(lab);
    let classes = Classes::of(lab);
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        exposed(lab, (has_pool, &leads_in), (name, app), findings);
        for (volume, declared) in &app.volumes {
            let field = format!("apps.{name}.volumes.{volume}");
            classes.lack(&field, declared, findings);
        }
        for (position, need) in app.needs.iter().enumerate() {
            let there = lab.apps.get(need).is_some_and(|app| app.enabled)
                || lab.components.get(need).is_some_and(|one| one.enabled)
                || lab.storage.contains_key(need);
            if !there {
                findings.add(
                    format!("{name} needs {need}, which is not there"),
                    &[(format!("apps.{name}.needs[{position}]"), "")],
                    "declare it, or leave it out",
                );
            }
        }
    }
    if lab.facts.known.is_empty() {
        return;
    }
    let provided: BTreeSet<&str> = enabled(lab)
        .filter_map(|(_, entry)| lab.facts.known.get(entry.as_str()))
        .flat_map(|known| known.provides.iter().map(String::as_str))
        .collect();
    for (name, entry) in enabled(lab) {
        let needs = lab
            .facts
            .known
            .get(entry.as_str())
            .map(|known| &known.needs);
        for need in needs.into_iter().flatten() {
            let own = match need.as_str() {
                "storage" => !lab.storage.is_empty(),
                "load-balancer" => has_pool,
                _ => false,
            };
            if !own && !provided.contains(need.as_str()) {
                findings.add(
                    format!("{name} needs {need}, which nothing provides"),
                    &[(format!("components.{name}"), "")],
                    format!("add a component that provides {need}"),
                );
            }
        }
    }
}

fn enabled<'a>(lab: &'a Subject<'_>) -> impl Iterator<Item = (&'a Name, &'a Name)> {
    let components = lab.components.iter().filter(|(_, one)| one.enabled);
    components.map(|(name, one)| (name, one.entry(name)))
}

/// Whether anybody hands out addresses for Services of type `LoadBalancer`.
fn has_pool(lab: &Subject<'_>) -> bool {
    let k3s = lab
        .clusters
        .values()
        .any(|cluster| match &cluster.distribution {
            Distribution::K3s(k3s) => !k3s.disable.iter().any(|part| part == "servicelb"),
            _ => false,
        });
    k3s || !pools(lab).is_empty()
}

/// What leads in to apps that do not name it.
struct LeadsIn {
    ingress: bool,
    tunnel: bool,
}

impl LeadsIn {
    fn of(lab: &Subject<'_>) -> Self {
        let any = |words: &[&str]| {
            let mut entries = enabled(lab).map(|(_, entry)| entry.as_str());
            entries.any(|entry| words.iter().any(|word| entry.contains(word)))
        };
        let ingress = ["ingress", "nginx", "traefik", "gateway", "istio"];
        Self {
            ingress: any(&ingress) || brings_traefik(lab),
            tunnel: any(&["tunnel", "cloudflared", "tailscale"]),
        }
    }
}

fn exposed(
    lab: &Subject<'_>,
    (has_pool, leads_in): (bool, &LeadsIn),
    (name, app): (&Name, &App),
    findings: &mut Findings<'_>,
) {
    let (by, kind, any) = match &app.expose {
        Some(Expose::Ingress(ingress)) => (&ingress.by, "ingress", leads_in.ingress),
        Some(Expose::Tunnel(ingress)) => (&ingress.by, "tunnel", leads_in.tunnel),
        Some(Expose::LoadBalancer(_)) => {
            if !has_pool {
                findings.add(
                    format!("nobody hands out an address for {name}"),
                    &[(format!("apps.{name}.expose.load-balancer"), "")],
                    "add a load balancer with a pool, such as components: { metallb: { pool: … } }",
                );
            }
            return;
        }
        Some(Expose::Forward(_)) | None => return,
    };
    let field = format!("apps.{name}.expose.{kind}");
    let there = match by {
        Some(by) => lab.components.get(by).is_some_and(|one| one.enabled),
        None => any,
    };
    if !there {
        let what = by.as_ref().map_or_else(
            || format!("nothing leads in by {kind}"),
            |by| format!("there is no component {by}"),
        );
        findings.add(what, &[(field, "")], "add the component that does it");
    }
}

/// k3s brings an ingress unless it is told not to.
fn brings_traefik(lab: &Subject<'_>) -> bool {
    lab.clusters
        .values()
        .any(|cluster| match &cluster.distribution {
            Distribution::K3s(k3s) => !k3s.disable.iter().any(|part| part == "traefik"),
            _ => false,
        })
}

/// The classes of volumes that there are.
struct Classes<'a> {
    /// By themselves and with their storage: `fast`, `ceph.fast`.
    names: BTreeSet<Cow<'a, str>>,
    default: bool,
}

impl<'a> Classes<'a> {
    fn of(lab: &'a Subject<'_>) -> Self {
        let mut names = BTreeSet::new();
        let mut default = false;
        for (storage, one) in &lab.storage {
            for (class, declared) in one.classes() {
                names.insert(Cow::Borrowed(class.as_str()));
                names.insert(Cow::Owned(format!("{storage}.{class}")));
                default |= declared.default;
            }
        }
        Self { names, default }
    }

    /// Finds a volume of a class that is not there.
    fn lack(&self, field: &str, volume: &Volume, findings: &mut Findings<'_>) {
        // A place on a node's own disk needs no class.
        if volume.on.is_some() && volume.path.is_some() {
            return;
        }
        match &volume.class {
            None if !self.default => findings.add(
                "it names no class, and there is no default class",
                &[(field.to_owned(), "")],
                "add class: STORAGE.CLASS, or default: true to a class",
            ),
            Some(wanted) if !self.names.contains(wanted.as_str()) && !findings.is_full() => {
                let known = self.names.iter().filter(|name| name.contains('.'));
                let known: Vec<&str> = known.map(AsRef::as_ref).take(20).collect();
                findings.add(
                    format!("there is no class {wanted}"),
                    &[(format!("{field}.class"), "")],
                    format!("write one of: {}", known.join(", ")),
                );
            }
            Some(_) | None => {}
        }
    }
}

#[test]
fn what_nobody_provides_is_found() {
    crate::example::home_breaks("S041", "by: ingress-nginx", "by: traefik");
    crate::example::home_breaks(
        "S041",
        "config: { size: 5Gi }",
        "config: { size: 5Gi, class: slow }",
    );
    crate::example::home_breaks("S041", "default: true, pool: block", "pool: block");
    crate::example::home_keeps(
        "config: { size: 5Gi }",
        "config: { size: 5Gi, class: ceph.fast }",
    );
    crate::example::home_breaks(
        "S041",
        "devices: [ nuc1.zigbee ]",
        "devices: [ nuc1.zigbee ]\n    needs: [ mosquitto ]",
    );
    let nginx = crate::Known {
        needs: vec!["certificates".to_owned()],
        ..Default::default()
    };
    let facts = crate::Facts {
        known: [("ingress-nginx".to_owned(), nginx)].into(),
        ..Default::default()
    };
    crate::example::home_breaks_with("S041", "lab: home", "lab: home", &facts);
}
