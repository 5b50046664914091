//! What concerns several rules.

use model::source::Source;

/// The codes that reading and checking the quickstart lab give after an exchange.
fn codes(from: &str, to: &str) -> Vec<String> {
    let text = include_str!("../../../labs/quickstart/lab.yaml");
    assert!(
        text.contains(from),
        "the quickstart lab does not hold {from:?}"
    );
    let reading = model::read::read(&[Source {
        name: "lab.yaml".to_owned(),
        text: text.replacen(from, to, 1),
    }]);
    let checked = crate::check(
        &reading.lab.unwrap(),
        &crate::Facts {
            unread: reading.unread,
            ..crate::Facts::default()
        },
    );
    let all = reading.diagnostics.into_iter().chain(checked);
    all.map(|finding| finding.code).collect()
}

#[test]
fn one_cause_is_one_finding() {
    for (from, to, code) in [
        // A cluster, a network, hosts that cannot be read: nothing says that they are missing.
        ("pods: 10.244.0.0/16", "pods: 10.244.0.0/99", "F016"),
        ("cidr: 10.88.0.0/24", "cidr: lan", "F016"),
        ("access: local", "access: remote", "F017"),
        ("hosts:", "hosst:", "F013"),
        ("this-machine: {", "this_machine: {", "F012"),
        // The only control plane.
        ("role: control-plane", "role: control-plain", "F017"),
        ("control-plane-1:", "control.plane:", "F012"),
        ("nodes:\n  control", "nods:\n  control", "F013"),
        // What an entry would be by the field that is misspelt.
        ("container: {", "containr: {", "F013"),
        (
            "catalog: podinfo, settings",
            "katalog: podinfo, settings",
            "F013",
        ),
        ("lab: quickstart\n", "labs: quickstart\n", "F013"),
        ("lab: quickstart\n", "lab: Quickstart\n", "F016"),
    ] {
        assert_eq!(codes(from, to), [code], "{from:?} → {to:?}");
    }
}

#[test]
fn of_one_rule_no_more_is_found_than_anybody_reads() {
    let ranges: String = (0..400)
        .map(|n| format!("  n{n}: {{ cidr: 10.0.0.0/8 }}\n"))
        .collect();
    let found = codes("networks:\n", &format!("networks:\n{ranges}")).len();
    // Of each of the three rules that look at ranges and routers.
    assert!(found <= 3 * 101, "{found}");
}
