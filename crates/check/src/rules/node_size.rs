//! S017: Every node has what its role needs at least.

use model::diagnostic::Severity;
use model::lab::{Distribution, Machine, Node, Role};
use model::quantity::Bytes;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S017",
    title: "Every node has what its role needs at least.",
    text: "A control plane runs the API server, etcd and the controllers, a worker the container runtime, kubelet and the pod network; with less they are killed as soon as there is work. kubeadm refuses a control plane with fewer than 2 processors or 1700 MB, and wants 2 GB on every machine; Talos wants 2 GiB on a control plane and 1 GiB on a worker; k3s 2 GB and 512 MB. A worker in namespaces shares its host's system and needs 512 MiB. Sources: system requirements in the documentation of kubeadm (constants.go of cmd/kubeadm), Talos and k3s; published labs with 1.9 GiB and 4 GB machines.",
    sees: "Sizes in the lab file; of a host that is itself a node only where they are declared.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        let Some(cluster) = lab.clusters.get(&node.cluster) else {
            continue;
        };
        let (has_cpu, has_memory, place) = match node.machine() {
            Some(machine) => {
                let kind = match machine {
                    Machine::Container(_) => "container",
                    Machine::Vm(_) => "vm",
                };
                let (cpu, memory) = machine.size();
                (Some(cpu), Some(memory), format!("nodes.{name}.{kind}"))
            }
            None => {
                let host = lab.host_of(node);
                let cpu = host.and_then(|host| host.cpu);
                let memory = host.and_then(|host| host.memory);
                (cpu, memory, format!("hosts.{}", node.on))
            }
        };
        let (cpu, memory) = needed(&cluster.distribution, node);
        if let Some(has) = has_cpu.filter(|has| *has < cpu) {
            let message = format!("{name} has {has} processors and needs {cpu}");
            let help = format!("write cpu: {cpu} or more");
            findings.add(message, &[(format!("{place}.cpu"), "")], help);
        }
        if let Some(has) = has_memory.filter(|has| *has < memory) {
            let message = format!("{name} has {has} of memory and needs {memory}");
            let help = format!("write memory: {memory} or more");
            findings.add(message, &[(format!("{place}.memory"), "")], help);
        }
    }
}

/// Processor threads and memory that a node needs at least.
fn needed(distribution: &Distribution, node: &Node) -> (u32, Bytes) {
    let two_gigabytes = Bytes::mebi(2048);
    match (distribution, node.role) {
        (Distribution::Kubeadm(_), Role::ControlPlane) => (2, Bytes::mebi(1700)),
        (_, Role::Worker) if node.container.is_some() => (1, Bytes::mebi(512)),
        (Distribution::Kubeadm(_) | Distribution::Nixos(_), Role::Worker) => (1, two_gigabytes),
        (Distribution::Nixos(_), Role::ControlPlane) => (2, two_gigabytes),
        (Distribution::Talos(_), Role::ControlPlane) => (2, Bytes::mebi(2048)),
        (Distribution::Talos(_), Role::Worker) => (1, Bytes::mebi(1024)),
        (
            Distribution::K3s(_) | Distribution::Kairos(_) | Distribution::K3os(_),
            Role::ControlPlane,
        ) => (2, two_gigabytes),
        (Distribution::K3s(_) | Distribution::Kairos(_) | Distribution::K3os(_), Role::Worker) => {
            (1, Bytes::mebi(512))
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

#[test]
fn a_small_machine_is_found() {
    crate::example::home_breaks(
        "S017",
        "on: nuc3, vm: { cpu: 4, memory: 8Gi }",
        "on: nuc3, vm: { cpu: 4, memory: 1Gi }",
    );
    crate::example::home_breaks(
        "S017",
        "vm: { cpu: 8, memory: 16Gi }",
        "vm: { cpu: 8, memory: 512Mi }",
    );
}
