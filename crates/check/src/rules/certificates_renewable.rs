//! S115: Certificates are renewed while they are valid.

use std::time::Duration;

use model::diagnostic::Severity;
use model::duration::Period;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S115",
    title: "Certificates are renewed while they are valid.",
    text: "A certificate that is to be renewed earlier before its end than it lasts is due for renewal as soon as it is issued, and every run would start the control plane anew. One that outlives the authority that signed it is refused with it, and kubeadm does not begin. One that lasts no time, or more than a hundred years, cannot be made. Source: kubeadm's configuration v1beta4, `certificateValidityPeriod` and `caCertificateValidityPeriod`.",
    sees: "The lab file, with the defaults where it says nothing.",
    severity: Severity::Error,
    check,
};

/// kubeadm counts in Go's nanoseconds, of which 64 bits hold 292 years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Some(terms) = &cluster.certificates else {
            continue;
        };
        let at = |field: &str| format!("clusters.{name}.certificates.{field}");
        let (authority, leaves) = (terms.authority_lasts(), terms.leaves_last());
        for (field, lasts) in [("authority", authority), ("leaves", leaves)] {
            if lasts.is_zero() || lasts > LONGEST {
                findings.add(
                    format!("a certificate of {name} cannot last {}", Period(lasts)),
                    &[(at(field), "")],
                    "write a period such as 1y",
                );
            }
        }
        if leaves > authority {
            findings.add(
                format!(
                    "certificates of {name} last {}, and what signs them {}",
                    Period(leaves),
                    Period(authority)
                ),
                &[
                    (at("leaves"), "the shorter of both counts"),
                    (at("authority"), ""),
                ],
                "have the authority last at least as long",
            );
        }
        let before = terms.renewed_before();
        if before >= leaves && !leaves.is_zero() {
            findings.add(
                format!(
                    "certificates of {name} last {}, and are due {} before",
                    Period(leaves),
                    Period(before)
                ),
                &[
                    (at("renew-before"), "as soon as they are issued"),
                    (at("leaves"), ""),
                ],
                "leave renew-before out: it is a third of their time",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::example::{breaks, codes};

    #[test]
    fn what_would_be_due_at_once_is_found() {
        let cni = "cni: { flannel: {} }";
        let with = |terms: &str| format!("{cni}\n    certificates: {{ {terms} }}");
        for terms in [
            "renew-before: 1y",
            "leaves: 30d, renew-before: 30d",
            "leaves: 11y",
            "authority: 30d",
            "leaves: 0s",
            "leaves: 101y, authority: 101y",
        ] {
            breaks("S115", cni, &with(terms));
        }
        for terms in [
            "leaves: 30d, renew-before: 29d",
            "authority: 1y",
            "leaves: 10y",
        ] {
            assert_eq!(codes(cni, &with(terms)), [""; 0], "{terms}");
        }
    }
}
