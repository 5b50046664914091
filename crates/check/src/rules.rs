//! The rules, in the order of their codes.

mod address_in_network;
mod address_unique;
mod app_source;
mod capacity;
mod control_plane_count;
mod control_plane_size;
mod manifests_inside;
mod mtu;
mod needs_control_plane;
mod port;
mod ranges_disjoint;
mod ranges_large_enough;
mod references;

use crate::Rule;

/// All rules. A new one gets a line here and the next free code, for ever.
pub(crate) const RULES: &[Rule] = &[
    ranges_disjoint::RULE,
    mtu::RULE,
    capacity::RULE,
    control_plane_size::RULE,
    address_unique::RULE,
    address_in_network::RULE,
    references::RULE,
    control_plane_count::RULE,
    needs_control_plane::RULE,
    ranges_large_enough::RULE,
    port::RULE,
    app_source::RULE,
    manifests_inside::RULE,
];

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn codes_are_unique_and_in_order_and_every_rule_explains_itself() {
        let codes: Vec<&str> = RULES.iter().map(|rule| rule.code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        for rule in RULES {
            assert!(rule.text.len() > 80, "{} explains itself", rule.code);
        }
    }
}
