//! S045: Networks do not overlap.

use ipnet::IpNet;
use model::diagnostic::Severity;
use model::name::Name;
use model::range::AddressRange;
use model::ranges::Ranges;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S045",
    title: "Networks do not overlap.",
    text: "An address lies on one link. Where two networks overlap, a machine in both sends packets for one of them to the other. A range that a tunnel routes here may hold the networks behind it; the link of the tunnel itself may not. Source: a published lab whose tunnel's own prefix held its LAN's.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let all: Vec<(&Name, IpNet)> = lab
        .networks
        .iter()
        .flat_map(|(name, network)| network.cidr.iter().map(move |range| (name, range)))
        .collect();
    let ranges = Ranges::new(all.iter().map(|(_, range)| AddressRange::from(*range)));
    for (position, (name, range)) in all.iter().enumerate() {
        let earlier = ranges.overlapping_before(position, &AddressRange::from(*range));
        for (earlier_name, earlier) in earlier.into_iter().filter_map(|at| all.get(at)) {
            if findings.is_full() {
                return;
            }
            // A network's own ranges are of two families.
            findings.add(
                format!("{name} ({range}) overlaps {earlier_name} ({earlier})"),
                &[
                    (format!("networks.{name}.cidr"), "this network"),
                    (format!("networks.{earlier_name}.cidr"), "overlaps this one"),
                ],
                "give each its own range",
            );
        }
    }
}

#[test]
fn overlapping_networks_are_found() {
    crate::example::home_breaks("S045", "cidr: 10.9.0.0/24", "cidr: 10.0.0.128/25");
}
