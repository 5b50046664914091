//! The certificates that kubeadm signs on a control plane: when they end, and new ones in time.
//!
//! kubeadm makes them for a year; who does not upgrade within it finds an API server that refuses
//! everybody (Kubernetes documentation, "Certificate Management with kubeadm"). kubelet's own is not
//! among them: kubelet renews it by itself. The authorities end after ten years.

use std::time::Duration;

use driver::{DriverError, StepContext};
use jiff::{SignedDuration, Timestamp};
use model::inventory::{Observed, Remedy};
use model::resource::Member;
use x509_parser::pem::Pem;

use super::inside::Inside;
use super::member::CONFIG;
use super::static_pods;

/// New ones are made when less than this is left: a third of the year for which kubeadm makes them,
/// as the lab file's `renew-before` has it.
const AHEAD: SignedDuration = SignedDuration::from_hours(365 * 24 / 3);

/// Prints each file's certificate below a line with its path. Of files that hold a key as well only
/// the certificate is printed.
const SHOW: &str = r#"cd /etc/kubernetes || exit 0
[ ! -e steading/renewing ] || echo "== begun"
for file in pki/*.crt pki/etcd/*.crt *.conf; do
  case $file in
    pki/ca.crt|pki/front-proxy-ca.crt|pki/etcd/ca.crt|kubelet.conf|bootstrap-kubelet.conf) ;;
    *.crt) echo "== $file"; cat "$file" ;;
    *.conf) echo "== $file"; sed -n 's/^ *client-certificate-data: *//p' "$file" | base64 -d ;;
  esac
done 2>/dev/null
exit 0"#;

const SHORT: Duration = Duration::from_secs(20);
/// How long making them may take.
const MAKE: Duration = Duration::from_secs(60);

/// Says that new ones are made and not read yet: whoever was cut off in between left it.
const RENEWING: &str = "/etc/kubernetes/steading/renewing";

/// When the first of a control plane's certificates ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// Its file below `/etc/kubernetes`.
    pub(super) file: String,
    pub(super) at: Timestamp,
    /// Whether a renewal was begun and not finished.
    begun: bool,
}

impl End {
    /// Whether new ones are due.
    pub(super) fn near(&self, now: Timestamp) -> bool {
        self.begun || self.at.duration_since(now) < AHEAD
    }

    /// Whether it has ended: nothing that runs is taken away by a renewal then.
    pub(super) fn over(&self, now: Timestamp) -> bool {
        self.at <= now
    }

    fn day(&self) -> String {
        self.at.strftime("%Y-%m-%d").to_string()
    }

    /// Tells it, and finds fault where it is near.
    pub(super) fn told(&self, observed: Observed, now: Timestamp) -> Observed {
        let observed = observed.fact("certificates-until", self.day());
        if !self.near(now) {
            return observed;
        }
        let left = self.at.duration_since(now);
        let when = match left.as_hours() {
            _ if self.over(now) => "have ended".to_owned(),
            hours @ 0..48 => format!("end in {hours} hours"),
            hours => format!("end in {} days", hours / 24),
        };
        let what = match self.begun {
            true => "its new certificates are not read yet".to_owned(),
            false => format!("its certificates {when}"),
        };
        let cause = format!("{} ends on {}", self.file, self.day());
        observed.fault(what, Some(cause), Remedy::Renew)
    }
}

/// The certificate that ends first; `None` where there is none, or the machine cannot be asked.
pub(super) fn first_end(inside: Inside<'_>) -> Option<End> {
    let output = inside.run(&["sh", "-c", SHOW], SHORT, &mut |_| {}).ok()?;
    first_of(&String::from_utf8_lossy(&output.stdout))
}

fn first_of(shown: &str) -> Option<End> {
    let ends = shown.split("== ").filter_map(|part| {
        let (file, rest) = part.split_once('\n')?;
        let pem = Pem::iter_from_buffer(rest.as_bytes()).next()?.ok()?;
        let certificate = pem.parse_x509().ok()?;
        let at = certificate.validity().not_after.timestamp();
        Some(End {
            file: file.to_owned(),
            at: Timestamp::from_second(at).ok()?,
            begun: shown.starts_with("== begun\n"),
        })
    });
    ends.min_by_key(|end| end.at)
}

/// Makes new certificates and starts anew what has read the old ones. kubeadm's configuration and
/// the authorities lie there already.
pub(super) fn renew(
    inside: Inside<'_>,
    member: &Member,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    context.doing("renewing its certificates");
    inside.write(RENEWING, b"", 0o600)?;
    let words = ["kubeadm", "certs", "renew", "all", "--config", CONFIG];
    inside.must(&words, MAKE)?;
    context.doing("starting the control plane anew with them");
    static_pods::restart(inside, member, context)?;
    inside.must(&["rm", "-f", RENEWING], SHORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::pki::ClusterIdentity;

    fn shown(now: Timestamp) -> String {
        let identity = ClusterIdentity::generate(now).unwrap();
        let of = |file: &str, days: u64| {
            let lifetime = Duration::from_secs(days * 24 * 3600);
            let client = identity.ca.client("a", "b", lifetime, now).unwrap();
            format!("== {file}\n{}", client.certificate)
        };
        let empty = "== pki/empty.crt\n";
        [
            of("pki/apiserver.crt", 365),
            of("scheduler.conf", 131),
            empty.to_owned(),
            of("pki/etcd/server.crt", 160),
        ]
        .concat()
    }

    #[test]
    fn the_first_end_counts_and_is_told_in_time() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let end = first_of(&shown(now)).unwrap();
        assert_eq!(end.file, "scheduler.conf");
        assert!(!end.near(now) && !end.over(now));
        let told = |now| end.told(Observed::ours(None, None), now);
        assert_eq!(told(now).facts["certificates-until"], "2027-04-01");
        assert_eq!(told(now).faults, []);
        let day = SignedDuration::from_hours(24);
        let later = told(now + day * 20);
        assert_eq!(later.faults[0].what, "its certificates end in 111 days");
        assert_eq!(later.faults[0].remedy, Remedy::Renew);
        let begun = first_of(&format!("== begun\n{}", shown(now))).unwrap();
        assert!(begun.near(now) && !begun.over(now));
        let over = now + day * 132;
        assert!(end.over(over));
        assert_eq!(told(over).faults[0].what, "its certificates have ended");
    }

    #[test]
    fn where_there_is_none_nothing_is_told() {
        assert_eq!(first_of(""), None);
        assert_eq!(first_of("== pki/a.crt\nno certificate\n"), None);
    }
}
