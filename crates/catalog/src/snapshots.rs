//! When snapshots of etcd are taken, and how many of them are kept.

use model::duration::Period;
use model::lab::{Backup, Lab, Target};

/// So many are kept where nobody says otherwise: those taken before risky steps, and when asked.
const KEPT: usize = 10;
/// More than this are never kept.
const MOST: u64 = 10_000;
/// How often, where a backup does not say it: as for all backups.
const DAILY: u64 = 24 * 3600;

/// How a lab keeps snapshots of etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshots {
    /// How often one is taken; `None`: only before risky steps, and when asked.
    pub every: Option<Period>,
    /// How many are kept of each cluster; the newest.
    pub most: usize,
}

/// How a lab keeps snapshots of etcd: the most frequent of its backups that do so, and for as long
/// as any of them.
#[must_use]
pub fn snapshots_of(lab: &Lab) -> Snapshots {
    let declared = lab.backups.values().filter(|backup| carried_out(backup));
    let all: Vec<(u64, u64)> = declared
        .map(|backup| {
            let every = backup.every.map_or(DAILY, |every| every.0.as_secs());
            (every.max(1), backup.keep.0.as_secs())
        })
        .collect();
    let Some(every) = all.iter().map(|(every, _)| *every).min() else {
        return Snapshots {
            every: None,
            most: KEPT,
        };
    };
    let keep = all.iter().map(|(_, keep)| *keep).max().unwrap_or_default();
    let most = keep.div_ceil(every).clamp(1, MOST);
    Snapshots {
        every: Some(Period(std::time::Duration::from_secs(every))),
        most: usize::try_from(most).unwrap_or(KEPT),
    }
}

/// Whether a backup is carried out: snapshots of etcd, kept beside the lab file.
pub(crate) fn carried_out(backup: &Backup) -> bool {
    let etcd_only = backup.of.iter().all(|of| of == "etcd") && !backup.of.is_empty();
    let plain = backup.by.is_none()
        && backup.at.is_none()
        && backup.prune_at.is_none()
        && backup.password.is_none()
        && backup.restore_test.is_none();
    backup.to == Target::Here && etcd_only && plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(backups: &str) -> Lab {
        let text = include_str!("../../../labs/quickstart/lab.yaml");
        let reading = model::read::read(&[model::source::Source {
            name: "lab.yaml".to_owned(),
            text: format!("{text}{backups}"),
        }]);
        assert_eq!(reading.diagnostics, []);
        reading.lab.unwrap()
    }

    #[test]
    fn how_many_are_kept_follows_from_how_often_and_how_long() {
        assert_eq!(snapshots_of(&lab("")).every, None);
        let two = "backups:\n  \
                   often: { of: [etcd], to: here, every: 6h, keep: 2d }\n  \
                   long: { of: [etcd], to: here, keep: 7d }\n";
        let found = snapshots_of(&lab(two));
        assert_eq!(found.every.unwrap().to_string(), "6h");
        assert_eq!(found.most, 28);
        assert_eq!(crate::beyond_reach(&lab(two)), []);
    }

    #[test]
    fn what_goes_elsewhere_is_not_carried_out() {
        for backup in [
            "{ of: [volumes], to: here, keep: 7d }",
            "{ of: [etcd], to: here, keep: 7d, at: \"02:00\" }",
            "{ of: [etcd], to: { s3: { bucket: home } }, keep: 7d }",
        ] {
            let lab = lab(&format!("backups:\n  one: {backup}\n"));
            assert_eq!(crate::beyond_reach(&lab).len(), 1, "{backup}");
            assert_eq!(snapshots_of(&lab).every, None);
        }
    }
}
