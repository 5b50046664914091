//! S023: Nothing needs itself to begin.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::{Expose, Lab, Storage};
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S023",
    title: "Nothing needs itself to begin.",
    text: "What is needed to bring a cluster up must not lie inside it: a secret in a store that runs there, the repository that is deployed from a server that it deploys, the state that describes the storage on that storage. It works until everything is off once. Source: a published lab that kept its state on a volume of the cluster that the state describes.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let graph = needs(lab);
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in graph.keys() {
        if let Some(circle) = circle(&graph, start, &mut Way::default(), &mut done) {
            let places: Vec<(String, &str)> = circle
                .iter()
                .map(|(field, _)| (field.clone(), "needs the next"))
                .collect();
            let way: Vec<&str> = circle.iter().map(|(_, name)| name.as_str()).collect();
            findings.add(
                format!("to begin, it needs itself: {}", way.join(" needs ")),
                &places,
                "keep one of them outside, such as a secret in a SOPS file",
            );
        }
    }
}

/// What needs what to begin: for each thing, the fields that say so and what they name.
type Graph = BTreeMap<String, Vec<(String, String)>>;

fn needs(lab: &Subject<'_>) -> Graph {
    let mut graph = Graph::new();
    let mut add = |who: String, field: String, whom: String| {
        graph.entry(who).or_default().push((field, whom));
    };
    apps(lab, &mut add);
    secrets(lab, &mut add);
    repositories(lab, &mut add);
    graph
}

/// Takes who needs, the field that says so, and what is needed.
type Add<'a> = &'a mut dyn FnMut(String, String, String);

fn apps(lab: &Subject<'_>, add: Add<'_>) {
    let classes = Classes::of(lab);
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        let who = format!("apps.{name}");
        for need in &app.needs {
            let section = if lab.apps.contains_key(need) {
                "apps"
            } else {
                "components"
            };
            add(
                who.clone(),
                format!("{who}.needs"),
                format!("{section}.{need}"),
            );
        }
        for secret in &app.secrets {
            add(
                who.clone(),
                format!("{who}.secrets"),
                format!("secrets.{secret}"),
            );
        }
        for (volume, declared) in &app.volumes {
            if let Some(storage) = classes.storage_of(declared.class.as_deref()) {
                let field = format!("{who}.volumes.{volume}");
                add(who.clone(), field, format!("storage.{storage}"));
            }
        }
    }
}

/// Secrets that a store in the cluster keeps, and storages that need secrets.
fn secrets(lab: &Subject<'_>, add: Add<'_>) {
    for (name, secret) in &lab.secrets {
        let store = secret.external.as_deref();
        if let Some(store) = store.and_then(|text| text.split('/').next()) {
            for section in ["apps", "components"] {
                add(
                    format!("secrets.{name}"),
                    format!("secrets.{name}.external"),
                    format!("{section}.{store}"),
                );
            }
        }
    }
    for (name, storage) in &lab.storage {
        let Storage::Object(object) = storage else {
            continue;
        };
        for secret in [&object.key, &object.secret_key].into_iter().flatten() {
            add(
                format!("storage.{name}"),
                format!("storage.{name}.object"),
                format!("secrets.{}", secret.secret),
            );
        }
    }
}

/// Components that are deployed from a repository which an app of the lab serves.
fn repositories(lab: &Subject<'_>, add: Add<'_>) {
    for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
        let repository = component.text("repository").unwrap_or_default();
        let served = lab.apps.iter().find(|(_, app)| {
            let host = match &app.expose {
                Some(Expose::Ingress(ingress) | Expose::Tunnel(ingress)) => &ingress.host,
                _ => return false,
            };
            app.enabled && repository.contains(host.as_str())
        });
        if let Some((app, _)) = served {
            let field = format!("components.{name}.repository");
            add(format!("components.{name}"), field, format!("apps.{app}"));
            // What the repository's server needs to run comes out of the repository.
            add(
                format!("apps.{app}"),
                format!("apps.{app}"),
                format!("components.{name}"),
            );
        }
    }
}

/// The first storage that gives volumes of a class.
struct Classes<'a> {
    /// By the class alone: of the storages the first.
    alone: BTreeMap<&'a str, &'a Name>,
    default: Option<&'a Name>,
    lab: &'a Lab,
}

impl<'a> Classes<'a> {
    fn of(lab: &'a Lab) -> Self {
        let mut alone = BTreeMap::new();
        let mut default = None;
        for (storage, one) in &lab.storage {
            for (class, declared) in one.classes() {
                alone.entry(class.as_str()).or_insert(storage);
                if declared.default {
                    default.get_or_insert(storage);
                }
            }
        }
        Self {
            alone,
            default,
            lab,
        }
    }

    fn storage_of(&self, class: Option<&str>) -> Option<&'a Name> {
        let Some(class) = class else {
            return self.default;
        };
        let Some((storage, class)) = class.split_once('.') else {
            return self.alone.get(class).copied();
        };
        let (name, storage) = self.lab.storage.get_key_value(storage)?;
        storage.classes().contains_key(class).then_some(name)
    }
}

/// What was passed on the way to a thing: each with the field that led on from it.
#[derive(Default)]
struct Way<'a> {
    passed: Vec<(&'a str, &'a str)>,
    positions: BTreeMap<&'a str, usize>,
}

/// A circle that begins at a thing, if there is one.
fn circle<'a>(
    graph: &'a Graph,
    at: &'a str,
    way: &mut Way<'a>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<(String, String)>> {
    if let Some(position) = way.positions.get(at) {
        let mut found: Vec<(String, String)> = way
            .passed
            .iter()
            .skip(*position)
            .map(|(field, who)| ((*field).to_owned(), (*who).to_owned()))
            .collect();
        // Each place is that of the need that leads on.
        let fields: Vec<String> = found
            .iter()
            .skip(1)
            .map(|(field, _)| field.clone())
            .collect();
        for ((field, _), next) in found.iter_mut().zip(fields) {
            *field = next;
        }
        return Some(found);
    }
    if !done.insert(at) {
        return None;
    }
    way.positions.insert(at, way.passed.len());
    for (field, whom) in graph.get(at).into_iter().flatten() {
        way.passed.push((field, at));
        let found = circle(graph, whom, way, done);
        if found.is_some() {
            return found;
        }
        way.passed.pop();
    }
    way.positions.remove(at);
    None
}

#[test]
fn what_needs_itself_is_found() {
    let vault = "apps:\n  vault: { manifests: apps/vault, secrets: [ root ] }\n";
    let lab = crate::example::HOME
        .replace("secrets:\n", "secrets:\n  root: { external: vault/root }\n")
        .replace("apps:\n", vault);
    let facts = crate::Facts::default();
    assert_eq!(crate::example::codes_of(&lab, &facts), ["S023"]);
    let outside = lab.replace("external: vault/root", "sops: secrets/root.sops.yaml");
    assert_eq!(crate::example::codes_of(&outside, &facts), [""; 0]);
}
