//! S100: Every address belongs to one thing.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S100",
    title: "Every address belongs to one thing.",
    text: "Two things with one address take each other's packets, now the one and now the other. Nodes and routers are compared.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

use std::collections::BTreeMap;

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut owners = BTreeMap::new();
    let routers = lab.networks.iter().flat_map(|(name, network)| {
        // A router that is a host of the lab has the address there, too.
        let own = network.router.is_none() && network.overlay.is_none();
        let addresses = network.routers().into_iter().filter(move |_| own);
        addresses.map(move |address| (address, format!("networks.{name}.gateway")))
    });
    let nodes = lab.nodes.iter().flat_map(|(name, node)| {
        let own = node.address.iter().flat_map(|address| address.iter());
        own.map(move |address| (address, format!("nodes.{name}.address")))
    });
    for (address, field) in routers.chain(nodes) {
        if let Some(owner) = owners.get(&address) {
            findings.add(
                format!("{address} is used twice"),
                &[(field, "used here"), (String::clone(owner), "and here")],
                "give one of them another address",
            );
        } else {
            owners.insert(address, field);
        }
    }
}

#[test]
fn a_shared_address_is_found() {
    crate::example::breaks("S100", "10.88.0.22", "10.88.0.21");
    crate::example::breaks("S100", "10.88.0.22", "10.88.0.1");
}
