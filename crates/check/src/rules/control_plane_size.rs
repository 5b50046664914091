//! S017: A control plane has at least 2 processors and 1700 MiB.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S017",
    title: "A control plane has at least 2 processors and 1700 MiB.",
    text: "kubeadm refuses to install a control plane on less (NumCPU and Mem of its preflight checks, cmd/kubeadm/app/constants: 2 processors, 1700 MB). A worker with less than 512 MiB cannot run the container runtime, kubelet and the pod network.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

use model::lab::{Machine, Role};
use model::quantity::Bytes;

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        let Some(machine) = node.machine() else {
            continue;
        };
        let (has_cpu, has_memory) = machine.size();
        let kind = match machine {
            Machine::Container(_) => "container",
            Machine::Vm(_) => "vm",
        };
        let (cpu, memory) = match node.role {
            Role::ControlPlane => (2, Bytes::mebi(1700)),
            Role::Worker => (1, Bytes::mebi(512)),
        };
        if has_cpu < cpu {
            let place = (format!("nodes.{name}.{kind}.cpu"), "");
            let message = format!("{name} has {} processors and needs {cpu}", has_cpu);
            findings.add(message, &[place], format!("write cpu: {cpu} or more"));
        }
        if has_memory < memory {
            let place = (format!("nodes.{name}.{kind}.memory"), "");
            let message = format!("{name} has {} of memory and needs {memory}", has_memory);
            findings.add(message, &[place], format!("write memory: {memory} or more"));
        }
    }
}

#[test]
fn a_small_control_plane_is_found() {
    crate::example::breaks(
        "S017",
        "cpu: 2, memory: 2Gi }, address: 10.88.0.11",
        "cpu: 1, memory: 2Gi }, address: 10.88.0.11",
    );
    crate::example::breaks(
        "S017",
        "memory: 2Gi }, address: 10.88.0.21",
        "memory: 100Mi }, address: 10.88.0.21",
    );
}
