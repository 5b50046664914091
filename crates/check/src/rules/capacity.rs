//! S016: The machines on a host do not need more than it has.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S016",
    title: "The machines on a host do not need more than it has.",
    text: "A host whose machines may use more memory than it has will swap or kill them when they do; more processor threads than it has only slow them down, so threads are not counted. Only hosts that declare their memory are looked at. Source: a published lab with 12 GB of machines and a storage daemon on 16 GB.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

use model::quantity::Bytes;

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, host) in &lab.hosts {
        let Some(memory) = host.memory else {
            continue;
        };
        let needed: u64 = lab
            .nodes
            .values()
            .filter(|node| node.on == *name)
            .filter_map(|node| node.machine())
            .map(|machine| machine.size().1.0)
            .fold(0, u64::saturating_add);
        if needed > memory.0 {
            findings.add(
                format!(
                    "the machines on {name} may use {} of its {memory}",
                    Bytes(needed)
                ),
                &[(format!("hosts.{name}.memory"), "")],
                "make them smaller, or move some elsewhere",
            );
        }
    }
}

#[test]
fn too_much_memory_is_found() {
    crate::example::breaks("S016", "access: local", "access: local, memory: 5Gi");
    assert_eq!(
        crate::example::codes("access: local", "access: local, memory: 6Gi"),
        [""; 0]
    );
}
