//! The rules, in the order of their codes.

mod address_in_network;
mod address_kept;
mod address_unique;
mod api_name;
mod app_source;
mod backed_up;
mod bgp_peers;
mod bootstrap_order;
mod capacity;
mod control_plane_count;
mod control_plane_size;
mod dataplane_ports;
mod dhcp_apart;
mod dns_owner;
mod domains_distinct;
mod encapsulation_routable;
mod isolation_enforced;
mod joins;
mod joins_again;
mod manifests_inside;
mod mtu;
mod mtu_told;
mod names_joined;
mod needs_control_plane;
mod networks_disjoint;
mod one_owner;
mod osd_apart;
mod pool_free;
mod port;
mod providers_there;
mod quorum_when_off;
mod ranges_disjoint;
mod ranges_large_enough;
mod reboots_agreed;
mod references;
mod replicas_enough;
mod runtime_state;
mod selectors_mean;
mod service_addresses;
mod single_points;
mod volatile_marked;

use crate::Rule;

/// All rules. A new one gets a line here and the next free code, for ever.
pub(crate) const RULES: &[Rule] = &[
    pool_free::RULE,
    ranges_disjoint::RULE,
    service_addresses::RULE,
    mtu::RULE,
    mtu_told::RULE,
    encapsulation_routable::RULE,
    dataplane_ports::RULE,
    address_kept::RULE,
    dns_owner::RULE,
    dhcp_apart::RULE,
    isolation_enforced::RULE,
    api_name::RULE,
    bgp_peers::RULE,
    quorum_when_off::RULE,
    capacity::RULE,
    control_plane_size::RULE,
    volatile_marked::RULE,
    domains_distinct::RULE,
    replicas_enough::RULE,
    osd_apart::RULE,
    single_points::RULE,
    bootstrap_order::RULE,
    reboots_agreed::RULE,
    joins_again::RULE,
    joins::RULE,
    selectors_mean::RULE,
    one_owner::RULE,
    runtime_state::RULE,
    names_joined::RULE,
    backed_up::RULE,
    providers_there::RULE,
    networks_disjoint::RULE,
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
