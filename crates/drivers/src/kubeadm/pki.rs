//! A cluster's identity: its certificate authorities and its service-account key, made once and
//! kept by the secrets store, and the short-lived client certificates signed by them.
//!
//! kubeadm finds the authorities in `/etc/kubernetes/pki` and signs everything else by itself.
//! Because they outlive every machine, a lost control plane is rebuilt as the same cluster, and
//! nobody needs a bootstrap token or an admin file: whoever holds the secrets mints a certificate
//! for minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use driver::DriverError;
use jiff::Timestamp;
use model::name::Name;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// A piece of text that is wiped from memory when it is dropped.
pub type SecretText = Zeroizing<String>;

/// Where secrets are kept. Owned by this module so that it can be tested without a folder.
pub trait SecretStore: Send + Sync {
    /// The secrets of that name, if there are any.
    ///
    /// # Errors
    /// Where they are there and cannot be read or opened.
    fn load(&self, name: &str) -> Result<Option<BTreeMap<String, SecretText>>, DriverError>;

    /// Keeps new secrets. They are durable when this returns.
    ///
    /// # Errors
    /// Where secrets of that name exist, or these cannot be written.
    fn create(&self, name: &str, secrets: &BTreeMap<String, SecretText>)
    -> Result<(), DriverError>;
}

/// The name under which a cluster's identity is kept.
#[must_use]
pub fn secret_name(cluster: &Name) -> String {
    format!("cluster-{cluster}")
}

/// How far certificates reach back, for clocks that go slow.
const BACKDATE: Duration = Duration::from_secs(300);

/// A certificate authority.
#[derive(Clone)]
pub struct Authority {
    /// Its certificate.
    pub certificate: String,
    key: SecretText,
}

/// A client certificate with its key.
pub struct ClientCertificate {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: SecretText,
    /// When it ends.
    pub expires: Timestamp,
}

/// What makes a cluster the same cluster.
#[derive(Clone)]
pub struct ClusterIdentity {
    /// Signs the API server, kubelets and users.
    pub ca: Authority,
    front_proxy: Authority,
    etcd: Authority,
    service_account_key: SecretText,
    service_account_public: String,
}

/// Keys of the stored map, which are also the paths below `/etc/kubernetes/pki`.
const CA: &str = "ca";
const FRONT_PROXY: &str = "front-proxy-ca";
const ETCD: &str = "etcd/ca";
const SERVICE_ACCOUNT: &str = "sa";

impl ClusterIdentity {
    /// A new identity, whose authorities are valid for `lifetime`.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn generate(lifetime: Duration, now: Timestamp) -> Result<Self, DriverError> {
        let service_account = new_key()?;
        let authority = |name| Authority::generate(name, lifetime, now);
        Ok(Self {
            // The subjects are kubeadm's.
            ca: authority("kubernetes")?,
            front_proxy: authority("front-proxy-ca")?,
            etcd: authority("etcd-ca")?,
            service_account_key: Zeroizing::new(service_account.serialize_pem()),
            service_account_public: service_account.public_key_pem(),
        })
    }

    /// The identity of a cluster out of the store.
    ///
    /// # Errors
    /// Where the store cannot be read, or holds something else under that name.
    pub fn load(store: &dyn SecretStore, cluster: &Name) -> Result<Option<Self>, DriverError> {
        let name = secret_name(cluster);
        let Some(mut secrets) = store.load(&name)? else {
            return Ok(None);
        };
        let mut take = |key: String| {
            secrets.remove(&key).ok_or_else(|| {
                DriverError::new(format!("reading secrets {name}"))
                    .caused_by(format!("{key} is missing"))
            })
        };
        let mut authority = |at: &str| {
            Ok::<_, DriverError>(Authority {
                certificate: take(format!("{at}.crt"))?.to_string(),
                key: take(format!("{at}.key"))?,
            })
        };
        Ok(Some(Self {
            ca: authority(CA)?,
            front_proxy: authority(FRONT_PROXY)?,
            etcd: authority(ETCD)?,
            service_account_key: take(format!("{SERVICE_ACCOUNT}.key"))?,
            service_account_public: take(format!("{SERVICE_ACCOUNT}.pub"))?.to_string(),
        }))
    }

    /// The identity of a cluster: out of the store, or new and kept there, with authorities that
    /// are valid for `lifetime`.
    ///
    /// # Errors
    /// As [`ClusterIdentity::load`], or where a new one cannot be kept.
    pub fn load_or_create(
        store: &dyn SecretStore,
        cluster: &Name,
        (lifetime, now): (Duration, Timestamp),
    ) -> Result<Self, DriverError> {
        if let Some(identity) = Self::load(store, cluster)? {
            return Ok(identity);
        }
        let identity = Self::generate(lifetime, now)?;
        let secrets = identity
            .files()
            .into_iter()
            .map(|(path, content, _)| (path, content))
            .collect();
        store.create(&secret_name(cluster), &secrets)?;
        Ok(identity)
    }

    /// The files that kubeadm expects below `/etc/kubernetes/pki`: path, content, mode.
    #[must_use]
    pub fn files(&self) -> Vec<(String, SecretText, u32)> {
        let mut files = Vec::new();
        for (at, authority) in [
            (CA, &self.ca),
            (FRONT_PROXY, &self.front_proxy),
            (ETCD, &self.etcd),
        ] {
            let certificate = Zeroizing::new(authority.certificate.clone());
            files.push((format!("{at}.crt"), certificate, 0o644));
            files.push((format!("{at}.key"), authority.key.clone(), 0o600));
        }
        let public = Zeroizing::new(self.service_account_public.clone());
        files.push((format!("{SERVICE_ACCOUNT}.pub"), public, 0o644));
        let key = self.service_account_key.clone();
        files.push((format!("{SERVICE_ACCOUNT}.key"), key, 0o600));
        files
    }
}

impl Authority {
    /// Its certificate as DER, for TLS.
    ///
    /// # Errors
    /// Where it is not PEM.
    pub fn der(&self) -> Result<Vec<u8>, DriverError> {
        use base64::Engine as _;
        let body: String = self
            .certificate
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        base64::engine::general_purpose::STANDARD
            .decode(body)
            .map_err(|error| DriverError::new("reading the CA certificate").caused_by(error))
    }

    fn generate(name: &str, lifetime: Duration, now: Timestamp) -> Result<Self, DriverError> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        set_validity(&mut params, now, lifetime);
        let certificate = params.self_signed(&key).map_err(failed("signing"))?;
        Ok(Self {
            certificate: certificate.pem(),
            key: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// A client certificate for a Kubernetes user in a group, from now on for `lifetime`.
    ///
    /// # Errors
    /// Where the authority cannot be used or the system gives no randomness.
    pub fn client(
        &self,
        user: &str,
        group: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<ClientCertificate, DriverError> {
        let authority = KeyPair::from_pem(&self.key).map_err(failed("reading the CA key"))?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, authority)
            .map_err(failed("reading the CA certificate"))?;
        let key = new_key()?;
        let mut params = CertificateParams::default();
        // Kubernetes reads the user from the common name and the group from the
        // organization.
        params.distinguished_name.push(DnType::CommonName, user);
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, lifetime);
        let certificate = params
            .signed_by(&key, &issuer)
            .map_err(failed("signing a client certificate"))?;
        Ok(ClientCertificate {
            certificate: certificate.pem(),
            key: Zeroizing::new(key.serialize_pem()),
            expires: seconds_later(now, lifetime),
        })
    }
}

fn new_key() -> Result<KeyPair, DriverError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed("making a key"))
}

fn failed(what: &'static str) -> impl Fn(rcgen::Error) -> DriverError {
    move |source| DriverError::new(what).caused_by(source)
}

fn seconds_later(now: Timestamp, lifetime: Duration) -> Timestamp {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(now.as_second().saturating_add(seconds)).unwrap_or(Timestamp::MAX)
}

fn set_validity(params: &mut CertificateParams, now: Timestamp, lifetime: Duration) {
    let at = |t: Timestamp| {
        OffsetDateTime::from_unix_timestamp(t.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    params.not_before = at(now) - BACKDATE;
    params.not_after = at(seconds_later(now, lifetime));
}

#[cfg(test)]
#[path = "pki_tests.rs"]
pub(crate) mod tests;
