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
mod certificate_terms;
mod certificates_renewable;
mod control_plane_count;
mod dataplane_ports;
mod dhcp_apart;
mod dns_owner;
mod domains_distinct;
mod encapsulation_routable;
mod encapsulation_said;
mod errors_seen;
mod files_private;
mod files_read;
mod isolation_enforced;
mod joins;
mod joins_again;
mod keys_apart;
mod least_rights;
mod manifests_inside;
mod mtu;
mod mtu_told;
mod names_covered;
mod names_joined;
mod needs_control_plane;
mod networks_disjoint;
mod node_size;
mod one_owner;
mod osd_apart;
mod outputs_exist;
mod pool_free;
mod port;
mod promises_judged;
mod promises_kept;
mod providers_there;
mod quorum_when_off;
mod ranges_disjoint;
mod ranges_large_enough;
mod reboots_agreed;
mod references;
mod rehearsable;
mod replicas_enough;
mod runtime_state;
mod selectors_mean;
mod service_addresses;
mod single_points;
mod still_in_force;
mod supported;
mod totals_agree;
mod transport_fits;
mod versions_agree;
mod volatile_marked;

use crate::Rule;

/// All rules. A new one gets a line here and the next free code, for ever.
pub(crate) const RULES: &[Rule] = &[
    pool_free::RULE,
    ranges_disjoint::RULE,
    service_addresses::RULE,
    mtu::RULE,
    mtu_told::RULE,
    encapsulation_said::RULE,
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
    node_size::RULE,
    volatile_marked::RULE,
    domains_distinct::RULE,
    replicas_enough::RULE,
    osd_apart::RULE,
    single_points::RULE,
    bootstrap_order::RULE,
    reboots_agreed::RULE,
    keys_apart::RULE,
    certificate_terms::RULE,
    names_covered::RULE,
    joins_again::RULE,
    files_private::RULE,
    least_rights::RULE,
    still_in_force::RULE,
    files_read::RULE,
    outputs_exist::RULE,
    joins::RULE,
    selectors_mean::RULE,
    one_owner::RULE,
    runtime_state::RULE,
    errors_seen::RULE,
    names_joined::RULE,
    backed_up::RULE,
    providers_there::RULE,
    supported::RULE,
    rehearsable::RULE,
    transport_fits::RULE,
    networks_disjoint::RULE,
    versions_agree::RULE,
    totals_agree::RULE,
    address_unique::RULE,
    address_in_network::RULE,
    references::RULE,
    control_plane_count::RULE,
    needs_control_plane::RULE,
    ranges_large_enough::RULE,
    port::RULE,
    app_source::RULE,
    manifests_inside::RULE,
    promises_kept::RULE,
    promises_judged::RULE,
    certificates_renewable::RULE,
    crate::accepted::RULE,
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
