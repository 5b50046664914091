//! S040: Every volume is in a backup or says why not, and backups do not collide.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S040",
    title: "Every volume is in a backup or says why not, and backups do not collide.",
    text: "A volume that no backup holds is lost with its disk; one that is meant to be says so (`no-backup`). Removing old backups locks the store, so a backup that begins meanwhile, or is still running, fails. A backup that nobody ever restored is a hope. Sources: restic documentation, locks; a published lab with volumes in no backup and old ones removed an hour after the nightly one began.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let backed: Vec<&str> = lab
        .backups
        .values()
        .flat_map(|backup| backup.of.iter().map(String::as_str))
        .collect();
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        for (volume, declared) in &app.volumes {
            let own = format!("{name}.{volume}");
            let kept = backed
                .iter()
                .any(|of| *of == "volumes" || *of == own || *of == name.as_str());
            if !kept && declared.no_backup.is_none() {
                findings.add(
                    format!("the volume {own} is in no backup"),
                    &[(format!("apps.{name}.volumes.{volume}"), "")],
                    "add it to a backup's of, or say why not: no-backup: REASON",
                );
            }
        }
    }
    for (name, backup) in &lab.backups {
        if backup.restore_test.is_none() {
            findings.add(
                format!("nobody tries to restore {name}"),
                &[(format!("backups.{name}"), "")],
                "add restore-test: weekly",
            );
        }
        let prune = backup.prune_at.as_deref().and_then(minute);
        let collides = lab.backups.iter().find(|(_, other)| {
            let begins = other.at.as_deref().and_then(minute);
            let same = other.to == backup.to;
            same && matches!((begins, prune), (Some(begins), Some(prune)) if (prune + DAY - begins) % DAY < RUNS)
        });
        if let Some((other, _)) = collides {
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

const DAY: u32 = 24 * 60;
/// How long a backup may run, in minutes.
const RUNS: u32 = 120;

/// The minute of the day of a time such as `02:00`.
fn minute(time: &str) -> Option<u32> {
    let (hour, minute) = time.split_once(':')?;
    Some(hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok()?)
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
