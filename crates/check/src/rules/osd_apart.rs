//! S021: No data of Ceph lies on an operating system's disk.

use model::diagnostic::Severity;
use model::lab::DiskRole;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S021",
    title: "No data of Ceph lies on an operating system's disk.",
    text: "An upgrade or a repair of the operating system writes its disk anew. Data of Ceph on the same disk goes with it, and the upgrade of one machine becomes a loss that all others have to make good. Source: a published lab whose upgrades were re-images of the disk that held its data.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, storage) in &lab.storage {
        for disk in storage.osds() {
            let Some((host, disk)) = disk.parts() else {
                continue;
            };
            let known = lab.hosts.get(&host).and_then(|host| host.disks.get(&disk));
            if known.is_some_and(|disk| disk.roles.contains(&DiskRole::System)) {
                let kind = storage.word();
                findings.add(
                    format!("{host}.{disk} holds data and the operating system"),
                    &[
                        (format!("storage.{name}.{kind}.osds"), "data"),
                        (
                            format!("hosts.{host}.disks.{disk}.roles"),
                            "the operating system",
                        ),
                    ],
                    "give the data a disk of its own",
                );
            }
        }
    }
}

#[test]
fn a_shared_disk_is_found() {
    crate::example::home_breaks("S021", "nuc1.sda,", "nuc1.nvme0,");
}
