//! S006: The encapsulation that is declared is the one that runs.

use model::diagnostic::Severity;
use model::lab::{Cni, Encapsulation};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S006",
    title: "The encapsulation that is declared is the one that runs.",
    text: "A document says VXLAN, the object that counts says IP in IP: ports, packet sizes and addresses are then computed from the wrong one. Where an object of Calico stands in the lab's files or was rendered, its mode is compared with the declared one. Source: a published lab whose document, settings nobody read, and address pool said three different things.",
    sees: "The lab file, and address pools among the objects in its folders. It does not see charts that were not rendered, nor a running cluster that Steading did not make.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Cni::Calico(calico) = &cluster.cni else {
            continue;
        };
        for (field, object) in &lab.facts.objects {
            if object["kind"] != "IPPool" {
                continue;
            }
            let on = |mode: &str| {
                matches!(
                    object["spec"][mode].as_str(),
                    Some("Always" | "CrossSubnet")
                )
            };
            let runs = match (on("vxlanMode"), on("ipipMode")) {
                (true, _) => Encapsulation::Vxlan,
                (false, true) => Encapsulation::Ipip,
                (false, false) => Encapsulation::None,
            };
            if runs != calico.encapsulation {
                findings.add(
                    format!(
                        "{:?} is declared, and the address pool says {runs:?}",
                        calico.encapsulation
                    ),
                    &[
                        (
                            format!("clusters.{name}.cni.calico.encapsulation"),
                            "declared",
                        ),
                        (field.clone(), "says otherwise"),
                    ],
                    "write the same in both, or leave the object out: it is derived",
                );
            }
        }
    }
}

#[test]
fn a_pool_that_says_otherwise_is_found() {
    let cilium = "{ cilium: { encapsulation: none, load-balancer: [ 10.0.0.101-10.0.0.120 ], l2: true, bgp: { asn: 64512, peers: [ rb ], speakers: bgp=yes } } }";
    let pool = |mode: &str| crate::Facts {
        objects: vec![(
            "apps.home-assistant".to_owned(),
            serde_json::json!({ "kind": "IPPool", "spec": { mode: "Always" } }),
        )],
        ..Default::default()
    };
    let calico = "{ calico: { encapsulation: vxlan } }";
    crate::example::home_breaks_with("S006", cilium, calico, &pool("ipipMode"));
    let text = crate::example::HOME.replace(cilium, calico);
    assert_eq!(crate::example::codes_of(&text, &pool("vxlanMode")), [""; 0]);
}
