use std::sync::Mutex;

use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;

/// A store in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, BTreeMap<String, SecretText>>>);

impl SecretStore for Memory {
    fn load(&self, name: &str) -> Result<Option<BTreeMap<String, SecretText>>, DriverError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn create(
        &self,
        name: &str,
        secrets: &BTreeMap<String, SecretText>,
    ) -> Result<(), DriverError> {
        let mut all = self.0.lock().unwrap();
        if all.contains_key(name) {
            return Err(DriverError::new("exists"));
        }
        all.insert(name.to_owned(), secrets.clone());
        Ok(())
    }
}

/// As kubeadm makes authorities (`CACertificateValidityPeriod`).
pub(crate) const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    pem.contents
}

#[test]
fn an_identity_is_made_once_and_read_back() {
    let store = Memory::default();
    let cluster: Name = "main".parse().unwrap();
    assert!(ClusterIdentity::load(&store, &cluster).unwrap().is_none());
    let made = ClusterIdentity::load_or_create(&store, &cluster, (TEN_YEARS, now())).unwrap();
    let again = ClusterIdentity::load_or_create(&store, &cluster, (TEN_YEARS, now())).unwrap();
    assert_eq!(made.files(), again.files());
    let names: Vec<_> = made.files().into_iter().map(|f| f.0).collect();
    assert_eq!(
        names,
        [
            "ca.crt",
            "ca.key",
            "front-proxy-ca.crt",
            "front-proxy-ca.key",
            "etcd/ca.crt",
            "etcd/ca.key",
            "sa.pub",
            "sa.key"
        ]
    );
    for (path, content, mode) in made.files() {
        let private = content.contains("PRIVATE KEY");
        assert_eq!(private, path.ends_with(".key"), "{path}");
        assert_eq!(mode, if private { 0o600 } else { 0o644 }, "{path}");
    }
}

#[test]
fn a_damaged_store_is_told_with_the_missing_part() {
    let store = Memory::default();
    let cluster: Name = "main".parse().unwrap();
    ClusterIdentity::load_or_create(&store, &cluster, (TEN_YEARS, now())).unwrap();
    let mut all = store.0.lock().unwrap();
    all.get_mut("cluster-main").unwrap().remove("etcd/ca.key");
    drop(all);
    let error = ClusterIdentity::load(&store, &cluster).err().unwrap();
    assert_eq!(
        error.chain(),
        ["reading secrets cluster-main", "etcd/ca.key is missing"]
    );
}

#[test]
fn a_client_certificate_is_signed_by_the_ca_and_short() {
    let identity = ClusterIdentity::generate(TEN_YEARS, now()).unwrap();
    let client = identity
        .ca
        .client(
            "system:bootstrap:worker-1",
            "system:bootstrappers:kubeadm:default-node-token",
            Duration::from_secs(900),
            now(),
        )
        .unwrap();
    let leaf = der(&client.certificate);
    let authority = der(&identity.ca.certificate);
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    let (_, authority) = X509Certificate::from_der(&authority).unwrap();
    leaf.verify_signature(Some(authority.public_key())).unwrap();
    assert_eq!(
        leaf.subject().to_string(),
        "CN=system:bootstrap:worker-1, O=system:bootstrappers:kubeadm:default-node-token"
    );
    let validity = leaf.validity();
    let seconds = validity.not_after.timestamp() - validity.not_before.timestamp();
    assert_eq!(seconds, 900 + 300);
    assert_eq!(validity.not_after.timestamp(), client.expires.as_second());
    assert!(!leaf.is_ca());
    assert!(
        leaf.extended_key_usage()
            .unwrap()
            .unwrap()
            .value
            .client_auth
    );
}

#[test]
fn the_chain_verifies_as_tls_does_it_and_another_ca_is_refused() {
    let identity = ClusterIdentity::generate(TEN_YEARS, now()).unwrap();
    let other = ClusterIdentity::generate(TEN_YEARS, now()).unwrap();
    let client = identity
        .ca
        .client(
            "steading",
            "system:masters",
            Duration::from_secs(3600),
            now(),
        )
        .unwrap();
    let leaf = rustls_pki_types::CertificateDer::from(der(&client.certificate));
    let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
    let verify = |ca: &Authority, at: Timestamp| {
        let root = rustls_pki_types::CertificateDer::from(der(&ca.certificate));
        let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
        let at = Duration::from_secs(u64::try_from(at.as_second()).unwrap());
        leaf.verify_for_usage(
            &[webpki::ring::ECDSA_P256_SHA256],
            &[anchor],
            &[],
            rustls_pki_types::UnixTime::since_unix_epoch(at),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .map(|_| ())
    };
    assert_eq!(verify(&identity.ca, now()), Ok(()));
    assert!(
        verify(
            &identity.ca,
            client.expires + jiff::SignedDuration::from_secs(1)
        )
        .is_err()
    );
    assert!(verify(&other.ca, now()).is_err());
}
