//! S016: The machines on a host do not need more than it has.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::{Host, HostDisk, Machine, Service, Storage};
use model::name::Name;
use model::quantity::Bytes;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S016",
    title: "The machines on a host do not need more than it has.",
    text: "A host whose machines, storage daemons and operating system may use more memory than it has will swap or kill them when they do. More processor threads in virtual machines than the host has slow all of them down, storage daemons included. A daemon of Ceph that stores wants four gibibytes, a monitor or manager one, a metadata server four (Ceph's hardware recommendations); half a gibibyte is for the system unless `reserve` says otherwise. Only hosts that declare their size are looked at. Source: a published lab with 12 GB of machines, 8 threads and a storage daemon on 16 GB and 4 threads.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let ceph = Daemons::of(lab);
    for (name, host) in &lab.hosts {
        let nodes = lab.nodes_on(name);
        let machines: Vec<Machine> = nodes.filter_map(|(_, node)| node.machine()).collect();
        if machines.is_empty() {
            continue;
        }
        if let Some(memory) = host.memory {
            let wanted = machines.iter().map(|machine| machine.size().1.0);
            let wanted = wanted.fold(0, u64::saturating_add);
            let others = reserved(lab, &ceph, name, host);
            if wanted.saturating_add(others) > memory.0 {
                findings.add(
                    format!(
                        "the machines on {name} may use {}, the rest of it {}, and it has {memory}",
                        Bytes(wanted),
                        Bytes(others)
                    ),
                    &[(format!("hosts.{name}.memory"), "")],
                    "make them smaller, or move some elsewhere",
                );
            }
        }
        if let Some(threads) = host.cpu {
            let vms = machines
                .iter()
                .filter(|machine| matches!(machine, Machine::Vm(_)));
            let wanted = vms
                .map(|machine| machine.size().0)
                .fold(0, u32::saturating_add);
            if wanted > threads {
                findings.add(
                    format!(
                        "the machines on {name} have {wanted} processor threads of its {threads}"
                    ),
                    &[(format!("hosts.{name}.cpu"), "")],
                    "give them fewer, or move some elsewhere",
                );
            }
        }
    }
}

/// Daemons of Ceph outside Kubernetes.
#[derive(Default)]
struct Daemons<'a> {
    /// The hosts with monitors.
    monitors: BTreeSet<&'a Name>,
    /// How many disks of each host it stores on.
    osds: BTreeMap<Name, usize>,
}

impl<'a> Daemons<'a> {
    fn of(lab: &'a Subject<'_>) -> Self {
        let mut all = Self::default();
        for storage in lab.storage.values() {
            let Storage::External(ceph) = storage else {
                continue;
            };
            all.monitors.extend(&ceph.monitors);
            for (host, _) in ceph.osds.iter().filter_map(HostDisk::parts) {
                *all.osds.entry(host).or_default() += 1;
            }
        }
        all
    }
}

/// What the host keeps for itself and its services, in bytes.
fn reserved(lab: &Subject<'_>, ceph: &Daemons<'_>, name: &Name, host: &Host) -> u64 {
    if let Some(declared) = host.reserve.as_ref().and_then(|size| size.memory) {
        return declared.0;
    }
    // A machine in namespaces shares the host's system, so nothing is set aside beside it.
    let vms = lab.nodes_on(name).any(|(_, node)| node.vm.is_some());
    let system = if vms { Bytes::mebi(512).0 } else { 0 };
    let listed = |service| host.runs.contains(&service);
    let monitor = ceph.monitors.contains(name) || listed(Service::CephMon);
    let disks = ceph.osds.get(name).copied().unwrap_or(0);
    let osds = disks.max(usize::from(listed(Service::CephOsd)));
    let gib = |n: usize| (n as u64) << 30;
    system
        + gib(usize::from(monitor) + usize::from(listed(Service::CephMgr)))
        + gib(4 * (osds + usize::from(listed(Service::CephMds))))
}

#[test]
fn too_much_is_found() {
    crate::example::breaks("S016", "access: local", "access: local, memory: 5Gi");
    assert_eq!(
        crate::example::codes("access: local", "access: local, memory: 6Gi"),
        [""; 0]
    );
    crate::example::home_breaks("S016", "cpu: 16, memory: 64Gi", "cpu: 4, memory: 64Gi");
    let nuc1 = "nuc1: { site: house, cpu: 8, memory: 32Gi,";
    crate::example::home_breaks(
        "S016",
        nuc1,
        "nuc1: { site: house, cpu: 8, memory: 12Gi, runs: [ ceph-osd, ceph-mon ],",
    );
    crate::example::home_keeps(
        nuc1,
        "nuc1: { site: house, cpu: 8, memory: 12Gi, runs: [ ceph-mon ],",
    );
}
