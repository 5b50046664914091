//! S026: Certificates are as long and as wide as declared.

use crate::Certificate;
use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S026",
    title: "Certificates are as long and as wide as declared.",
    text: "A certificate whose lifetime is not the declared one is renewed too late or too often. What is not an authority must not sign. Compared are certificates in files of the lab with `certificates` of the cluster. Source: a published lab that declared a year and issued ten.",
    sees: "Certificates in the folder that the cluster names. It does not see those that Steading or a distribution issues by itself: those are as declared by construction.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Some(terms) = &cluster.certificates else {
            continue;
        };
        let Some(folder) = terms.folder.as_deref() else {
            continue;
        };
        for certificate in lab
            .facts
            .certificates
            .iter()
            .filter(|one| one.file.starts_with(folder))
        {
            let (declared, field) = if certificate.authority {
                (terms.authority, "authority")
            } else {
                (terms.leaves, "leaves")
            };
            let (Some(declared), Some(days)) = (declared, days(certificate)) else {
                continue;
            };
            let wanted = declared.0.as_secs() / 86_400;
            // A day more or less comes from how ends are rounded.
            if days.abs_diff(wanted) > 1 {
                findings.add(
                    format!(
                        "{} is valid for {days} days, and {declared} is declared",
                        certificate.subject
                    ),
                    &[
                        (format!("clusters.{name}.certificates.{field}"), "declared"),
                        (format!("files.{}", certificate.file), "issued"),
                    ],
                    "issue it anew",
                );
            }
        }
    }
}

/// How many days a certificate is valid.
fn days(certificate: &Certificate) -> Option<u64> {
    let number = |day: &str| {
        let mut parts = day.split('-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        // Days since a day in March of the year 0: months are counted from March, so that the
        // leap day is the last of its year.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day)
    };
    u64::try_from(number(&certificate.until)? - number(&certificate.from)?).ok()
}

#[test]
fn another_lifetime_is_found() {
    let facts = |until: &str| crate::Facts {
        certificates: vec![Certificate {
            file: "pki/api.crt".to_owned(),
            from: "2026-01-31".to_owned(),
            until: until.to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let vip = "endpoint: { vip: 10.0.0.100 }";
    let terms = "endpoint: { vip: 10.0.0.100 }\n    certificates: { leaves: 1y, folder: pki }";
    crate::example::home_breaks_with("S026", vip, terms, &facts("2036-01-29"));
    let text = crate::example::HOME.replace(vip, terms);
    assert_eq!(
        crate::example::codes_of(&text, &facts("2027-01-31")),
        [""; 0]
    );
}
