//! The certificates that kubeadm signs on a control plane: when they end, and new ones in time.
//!
//! kubeadm makes them for a year, where the lab does not say otherwise; who does not upgrade within it
//! finds an API server that refuses everybody (Kubernetes documentation, "Certificate Management with
//! kubeadm"). kubelet's own is not among them: kubelet renews it by itself. The authorities are
//! Steading's own.

use std::time::Duration;

use driver::{DriverError, StepContext};
use jiff::{SignedDuration, Timestamp};
use model::inventory::{Observed, Remedy};
use model::lab::Certificates;
use model::resource::Member;
use x509_parser::pem::Pem;

use super::config::NodeConfig;
use super::inside::{Inside, Marker};
use super::member::{CONFIG, Joining, PKI};
use super::pki::ClusterIdentity;
use super::static_pods;

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
    pub(super) fn near(&self, terms: &Certificates, now: Timestamp) -> bool {
        let before = SignedDuration::try_from(terms.renewed_before());
        self.begun || self.at.duration_since(now) < before.unwrap_or(SignedDuration::MAX)
    }

    /// Whether it has ended: nothing that runs is taken away by a renewal then.
    pub(super) fn over(&self, now: Timestamp) -> bool {
        self.at <= now
    }

    fn day(&self) -> String {
        self.at.strftime("%Y-%m-%d").to_string()
    }

    /// Tells it, and finds fault where it is near.
    pub(super) fn told(
        &self,
        observed: Observed,
        terms: &Certificates,
        now: Timestamp,
    ) -> Observed {
        let observed = observed.fact("certificates-until", self.day());
        if !self.near(terms, now) {
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

/// Runs kubeadm by its configuration, which lies there already.
fn kubeadm(inside: Inside<'_>, words: &[&str]) -> Result<(), DriverError> {
    let argv = [&["kubeadm"], words, &["--config", CONFIG]].concat();
    inside.must(&argv, MAKE)
}

/// Makes new certificates and starts anew what has read the old ones. kubeadm's configuration and
/// the authorities lie there already.
fn renew(
    inside: Inside<'_>,
    member: &Member,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    context.doing("renewing its certificates");
    inside.write(RENEWING, b"", 0o600)?;
    kubeadm(inside, &["certs", "renew", "all"])?;
    context.doing("starting the control plane anew with them");
    static_pods::restart(inside, member, context)?;
    inside.must(&["rm", "-f", RENEWING], SHORT)
}

impl Joining<'_> {
    /// New certificates for the whole control plane, where they end soon or shall last otherwise and
    /// it may start anew, or where they have ended.
    pub(super) fn renew_certificates(
        &self,
        identity: &ClusterIdentity,
        marker: &Marker,
    ) -> Result<(), DriverError> {
        let (inside, terms) = (self.inside(), &self.member.certificates);
        let now = Timestamp::now();
        let last = |member: &Member| member.certificates.leaves_last();
        let others = last(&marker.member) != last(self.member);
        let due = first_end(inside).is_some_and(|end| {
            end.over(now) || (self.may_restart && (others || end.near(terms, now)))
        });
        if !due {
            return Ok(());
        }
        self.write_identity(identity)?;
        self.write_config(marker)?;
        inside.kubelet("-u")?;
        if others {
            // It tells how long those of kubelets last.
            let phase = ["init", "phase", "control-plane", "controller-manager"];
            kubeadm(inside, &phase)?;
        }
        renew(inside, self.member, self.context)
    }

    /// A new certificate for the API server, which reads it anew by itself.
    pub(super) fn renew_certificate(
        &self,
        identity: &ClusterIdentity,
        marker: &Marker,
    ) -> Result<(), DriverError> {
        self.context.doing("renewing the API server's certificate");
        let inside = self.inside();
        self.write_identity(identity)?;
        self.write_config(marker)?;
        let [certificate, key] = ["crt", "key"].map(|end| format!("{PKI}/apiserver.{end}"));
        inside.must(&["rm", "-f", &certificate, &key], SHORT)?;
        kubeadm(inside, &["init", "phase", "certs", "apiserver"])
    }

    /// Whether the cluster was told other things of its certificates.
    pub(super) fn told_otherwise(&self, marker: &Marker) -> bool {
        let of = |member: &Member| (member.sans.clone(), member.certificates.leaves_last());
        of(&marker.member) != of(self.member)
    }

    /// kubeadm's configuration for what the node is still: another version comes after this, with a
    /// kubeadm of its own.
    fn write_config(&self, marker: &Marker) -> Result<(), DriverError> {
        let still = Member {
            kubernetes: marker.member.kubernetes.clone(),
            ..self.member.clone()
        };
        let config = NodeConfig {
            member: &still,
            ..self.config()
        };
        let config = config.init()?;
        self.inside().write(CONFIG, config.as_bytes(), 0o600)
    }

    /// Has the cluster know names and terms of certificates, for control planes that join later.
    pub(super) fn tell_cluster(&self, marker: &Marker) -> Result<(), DriverError> {
        self.write_config(marker)?;
        let phase = ["init", "phase", "upload-config", "kubeadm"];
        kubeadm(self.inside(), &phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(now: Timestamp) -> String {
        let identity = ClusterIdentity::generate(Duration::from_secs(315_360_000), now).unwrap();
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
        let mut terms = Certificates::default();
        assert!(!end.near(&terms, now) && !end.over(now));
        let told = |now| end.told(Observed::ours(None, None), &Certificates::default(), now);
        assert_eq!(told(now).facts["certificates-until"], "2027-04-01");
        assert_eq!(told(now).faults, []);
        let day = SignedDuration::from_hours(24);
        let later = told(now + day * 20);
        assert_eq!(later.faults[0].what, "its certificates end in 111 days");
        assert_eq!(later.faults[0].remedy, Remedy::Renew);
        let begun = first_of(&format!("== begun\n{}", shown(now))).unwrap();
        assert!(begun.near(&terms, now) && !begun.over(now));
        // As the lab says: a third of what they last, so long before, or only when they have ended.
        terms.leaves = Some("2y".parse().unwrap());
        assert!(end.near(&terms, now));
        terms.renew_before = Some("10d".parse().unwrap());
        assert!(!end.near(&terms, now + day * 120) && end.near(&terms, now + day * 122));
        terms.renew_before = Some("0s".parse().unwrap());
        assert!(!end.near(&terms, now + day * 131) && end.near(&terms, now + day * 132));
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
