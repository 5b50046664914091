//! S107: Ports on 127.0.0.1 are free for everybody who wants them, once.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S107",
    title: "Ports on 127.0.0.1 are free for everybody who wants them, once.",
    text: "Two forwards cannot listen on one port. Ports below 1024 belong to well-known services of this machine.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

use std::collections::BTreeMap;

use model::lab::Expose;

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut taken: BTreeMap<u16, String> = BTreeMap::new();
    for (name, app) in &lab.apps {
        let Some(Expose::Forward(forward)) = &app.expose else {
            continue;
        };
        let Some(port) = forward.listen else {
            continue;
        };
        let field = format!("apps.{name}.expose.forward.listen");
        if port < 1024 {
            let help = "write a port from 1024 to 65535, or leave it out";
            findings.add(
                format!("{port} is a privileged port"),
                &[(field.clone(), "")],
                help,
            );
        }
        if let Some(other) = taken.get(&port) {
            let places = [(field, "wanted here"), (other.clone(), "and here")];
            findings.add(
                format!("port {port} is wanted twice"),
                &places,
                "change one of them",
            );
        } else {
            taken.insert(port, field);
        }
    }
}

#[test]
fn a_privileged_port_and_one_wanted_twice_are_found() {
    crate::example::breaks("S107", "port: 9898", "port: 9898, listen: 80");
    let again = "{ forward: { service: podinfo, port: 9898, listen: 8080 } } }\n  second: { catalog: podinfo, expose: { forward: { service: second, port: 9898, listen: 8080 } } }";
    crate::example::breaks(
        "S107",
        "{ forward: { service: podinfo, port: 9898 } } }",
        again,
    );
}
