//! S102: What is referred to exists.

use model::diagnostic::{FieldPath, Fix, Severity};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S102",
    title: "What is referred to exists.",
    text: "A name that refers to a cluster, host or site must be declared. Where the lab has several clusters, an app and a component must say which one they run in.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

use model::name::Name;
use model::read::{certain, nearest};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let clusters: Vec<&str> = lab.clusters.keys().map(Name::as_str).collect();
    let hosts: Vec<&str> = lab.hosts.keys().map(Name::as_str).collect();
    let sites: Vec<&str> = lab.sites.keys().map(Name::as_str).collect();
    let mut refer = |what: &str, name: &Name, known: &[&str], field: &dyn Fn() -> String| {
        // `?` is an entry whose name is not one: it may be what is meant.
        let unread = |name: &str| findings.is_unread(&format!("{what}s.{name}"));
        if findings.is_full()
            // They are in the order of the names.
            || known.binary_search(&name.as_str()).is_ok()
            || unread(name.as_str())
            || unread("?")
        {
            return;
        }
        let help = match (nearest(name.as_str(), known.iter().copied()), known) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => format!("declare it: {what}s: {{ {name}: {{ … }} }}"),
            (None, known) => format!("declare it, or write one of: {}", some(known)),
        };
        let field = field();
        let fix = certain(name.as_str(), known.iter().copied())
            .map(|near| Fix::value(FieldPath(field.clone()), near));
        let message = format!("there is no {what} {name}");
        findings.add_with_fix(message, &[(field, "")], help, fix);
    };
    for (name, node) in &lab.nodes {
        let field = |field: &str| format!("nodes.{name}.{field}");
        refer("cluster", &node.cluster, &clusters, &|| field("cluster"));
        refer("host", &node.on, &hosts, &|| field("on"));
    }
    for (name, host) in &lab.hosts {
        if let Some(site) = &host.site {
            refer("site", site, &sites, &|| format!("hosts.{name}.site"));
        }
    }
    for (name, network) in &lab.networks {
        if let Some(site) = &network.site {
            let field = || format!("networks.{name}.site");
            refer("site", site, &sites, &field);
        }
    }
    let apps = lab
        .apps
        .iter()
        .map(|(name, app)| ("apps", name, &app.cluster));
    let components = lab.components.iter();
    let components = components.map(|(name, one)| ("components", name, &one.cluster));
    let placed: Vec<_> = apps.chain(components).collect();
    for (section, name, cluster) in &placed {
        if let Some(cluster) = cluster {
            let field = || format!("{section}.{name}.cluster");
            refer("cluster", cluster, &clusters, &field);
        }
    }
    for (section, name, cluster) in placed {
        if cluster.is_none() && clusters.len() != 1 && !findings.lacks_part_of("clusters") {
            findings.add(
                format!("which cluster does {name} run in?"),
                &[(format!("{section}.{name}"), "")],
                format!("add cluster: and one of: {}", some(&clusters)),
            );
        }
    }
}

/// Names as they are listed: not more than anybody reads.
fn some(names: &[&str]) -> String {
    match names.get(..20) {
        Some(first) => format!("{}, …", first.join(", ")),
        None => names.join(", "),
    }
}

#[test]
fn references_to_nothing_are_found() {
    crate::example::breaks(
        "S102",
        "on: this-machine, container: { cpu: 2, memory: 2Gi }, address: 10.88.0.22",
        "on: this-machin, container: { cpu: 2, memory: 2Gi }, address: 10.88.0.22",
    );
    crate::example::breaks("S102", "access: local", "access: local, site: attic");
    crate::example::breaks(
        "S102",
        "catalog: podinfo,",
        "catalog: podinfo, cluster: other,",
    );
}
