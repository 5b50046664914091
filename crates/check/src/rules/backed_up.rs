//! S040: Every volume is in a backup or says why not, and backups do not collide.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::{AppSource, Backup, Target, TimeOfDay};
use model::name::Name;
use serde_json::Value;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S040",
    title: "Every volume is in a backup or says why not, and backups do not collide.",
    text: "A volume that no backup holds is lost with its disk; one that is meant to be says so (`no-backup`). Removing old backups locks the store, so a backup that begins meanwhile, or is still running, fails. A backup that nobody ever restored is a hope. Sources: restic documentation, locks; a published lab with volumes in no backup and old ones removed an hour after the nightly one began.",
    sees: "Volumes of apps in the lab file, and claims in the manifests of apps. It does not see volumes inside of charts: which there are follows from templates that are rendered nowhere before the chart is applied; declare them under the app's volumes.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let backed: BTreeSet<&str> = lab
        .backups
        .values()
        .flat_map(|backup| backup.of.iter().map(String::as_str))
        .collect();
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        for (volume, declared) in &app.volumes {
            let own = format!("{name}.{volume}");
            let names = ["volumes", own.as_str(), name.as_str()];
            let kept = names.iter().any(|of| backed.contains(of));
            if !kept && declared.no_backup.is_none() {
                findings.add(
                    format!("the volume {own} is in no backup"),
                    &[(format!("apps.{name}.volumes.{volume}"), "")],
                    "add it to a backup's of, or say why not: no-backup: REASON",
                );
            }
        }
    }
    claims(lab, &backed, findings);
    let begins = Begins::of(lab);
    for (name, backup) in &lab.backups {
        // What is kept here is only ever restored into its own cluster.
        if backup.restore_test.is_none() && backup.to != Target::Here {
            findings.add(
                format!("nobody tries to restore {name}"),
                &[(format!("backups.{name}"), "")],
                "add restore-test: weekly",
            );
        }
        if let Some(other) = begins.shortly_before(backup) {
            findings.add(
                format!("old backups are removed while {other} may still run"),
                &[
                    (format!("backups.{name}.prune-at"), "locks the store"),
                    (format!("backups.{other}.at"), "begins shortly before"),
                ],
                "leave prune-at out: they are removed after the backup",
            );
        }
    }
}

/// Volumes that manifests of an app claim, and that the lab file does not declare.
fn claims(lab: &Subject<'_>, backed: &BTreeSet<&str>, findings: &mut Findings<'_>) {
    if backed.contains("volumes") {
        return;
    }
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        let Some(AppSource::Manifests(folder)) = app.source() else {
            continue;
        };
        if backed.contains(name.as_str()) {
            continue;
        }
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let own = format!("files.{folder}/");
        let objects = lab.facts.objects.iter();
        for (field, object) in objects.filter(|(field, _)| field.starts_with(&own)) {
            for claim in claimed(object) {
                let volume = format!("{name}.{claim}");
                let declared = app.volumes.keys().any(|volume| volume.as_str() == claim);
                if !declared && !backed.contains(volume.as_str()) {
                    findings.add(
                        format!("the volume {volume} is in no backup"),
                        &[
                            (format!("apps.{name}.manifests"), "comes from here"),
                            (field.clone(), "claimed here"),
                        ],
                        format!("add {volume} to a backup's of, or say why not: volumes: {{ {claim}: {{ no-backup: REASON }} }}"),
                    );
                }
            }
        }
    }
}

/// The names of the volumes that an object claims.
fn claimed(object: &Value) -> Vec<&str> {
    let claims = match object["kind"].as_str() {
        Some("PersistentVolumeClaim") => std::slice::from_ref(object),
        Some("StatefulSet") => object
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice),
        _ => &[],
    };
    let names = claims.iter().map(|claim| &claim["metadata"]["name"]);
    names.filter_map(Value::as_str).collect()
}

const DAY: u16 = 24 * 60;
/// How long a backup may run, in minutes.
const RUNS: u16 = 120;

/// The first backup that begins at a minute of the day, of those to one target.
struct Begins<'a>(BTreeMap<(&'a Target, u16), &'a Name>);

impl<'a> Begins<'a> {
    fn of(lab: &'a Subject<'_>) -> Self {
        let mut first = BTreeMap::new();
        for (name, backup) in &lab.backups {
            if let Some(TimeOfDay(minute)) = backup.at {
                first.entry((&backup.to, minute)).or_insert(name);
            }
        }
        Self(first)
    }

    /// The first one that may still run when old ones of a backup are removed.
    fn shortly_before(&self, backup: &'a Backup) -> Option<&'a Name> {
        let TimeOfDay(end) = backup.prune_at?;
        let minutes = match (end + 1).checked_sub(RUNS) {
            Some(start) => [start..end + 1, 0..0],
            // Since yesterday.
            None => [0..end + 1, end + 1 + DAY - RUNS..DAY],
        };
        let to = &backup.to;
        let found = minutes.into_iter().flat_map(|part| {
            let part = self.0.range((to, part.start)..(to, part.end));
            part.map(|(_, name)| *name)
        });
        found.min()
    }
}

#[test]
fn lost_volumes_and_collisions_are_found() {
    crate::example::home_breaks("S040", "of: [ volumes, etcd ]", "of: [ etcd ]");
    crate::example::home_keeps(
        "of: [ volumes, etcd ]",
        "of: [ etcd, home-assistant.config ]",
    );
    crate::example::home_breaks("S040", ", restore-test: weekly", "");
    crate::example::home_breaks("S040", "keep: 30d", "keep: 30d, prune-at: \"03:00\"");
    crate::example::home_keeps("keep: 30d", "keep: 30d, prune-at: \"12:00\"");
}

#[test]
fn claims_of_manifests_are_found() {
    let object = |kind: &str, rest: Value| {
        let mut object = serde_json::json!({ "kind": kind, "metadata": { "name": "data" } });
        object["spec"] = rest;
        ("files.apps/notes/a.yaml".to_owned(), object)
    };
    let claim = object("PersistentVolumeClaim", Value::Null);
    let template =
        serde_json::json!({ "volumeClaimTemplates": [{ "metadata": { "name": "data" } }] });
    let set = object("StatefulSet", template);
    for objects in [vec![claim], vec![set]] {
        let facts = crate::Facts {
            objects,
            ..Default::default()
        };
        let codes = |of: &str, app: &str| {
            let app = format!("apps:\n  notes: {{ manifests: ./apps/notes/{app} }}\n");
            let text = crate::example::HOME.replace("apps:\n", &app);
            let text = text.replace("of: [ volumes, etcd ]", of);
            crate::example::codes_of(&text, &facts)
        };
        let others = "of: [ home-assistant.config ]";
        assert_eq!(codes(others, ""), ["S040"]);
        assert_eq!(codes("of: [ volumes ]", ""), [""; 0]);
        assert_eq!(
            codes("of: [ home-assistant.config, notes.data ]", ""),
            [""; 0]
        );
        let why = ", volumes: { data: { no-backup: it can be made again } }";
        assert_eq!(codes(others, why), [""; 0]);
    }
}
