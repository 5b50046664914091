//! The user's own access to a cluster: a kubeconfig without a secret in it, and the short-lived
//! certificate that it asks for whenever it needs one.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use driver::DriverError;
use jiff::Timestamp;
use model::name::Name;
use serde_json::json;

use crate::kubeadm::pki::{ClusterIdentity, SecretStore};

/// How long a user's certificate is valid.
const LIFETIME: Duration = Duration::from_secs(3600);

/// What a kubeconfig is made from.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The lab's name.
    pub lab: &'a Name,
    /// The cluster's name.
    pub cluster: &'a Name,
    /// The port on 127.0.0.1 that leads to its API server.
    pub port: u16,
    /// The program that mints certificates: `steading`, absolute.
    pub program: &'a Path,
    /// The lab file or its folder, absolute.
    pub lab_path: &'a Path,
}

/// The kubeconfig of a cluster. It holds no secret: kubectl calls
/// `steading internal credential` for a certificate, which needs the key that opens the lab's
/// secrets.
///
/// # Errors
/// Where the cluster has no identity yet, or the secrets cannot be read.
pub fn kubeconfig(secrets: &dyn SecretStore, access: &Access<'_>) -> Result<String, DriverError> {
    let identity = identity(secrets, access.cluster)?;
    let ca = base64::engine::general_purpose::STANDARD.encode(&identity.ca.certificate);
    render(access, &ca)
}

fn render(access: &Access<'_>, ca: &str) -> Result<String, DriverError> {
    let name = format!("{}-{}", access.lab, access.cluster);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": {
                "server": format!("https://127.0.0.1:{}", access.port),
                "certificate-authority-data": ca,
            },
        }],
        "users": [{
            "name": name,
            "user": { "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": access.program.to_string_lossy(),
                "args": [
                    "internal", "credential",
                    "--lab", access.lab_path.to_string_lossy(),
                    "--cluster", access.cluster,
                ],
                "interactiveMode": "Never",
                "provideClusterInfo": false,
            }},
        }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    });
    serde_saphyr::to_string(&config)
        .map_err(|error| DriverError::new("rendering the kubeconfig").caused_by(error))
}

/// A short-lived certificate for the user, as kubectl's credential plugins answer: an
/// `ExecCredential` in JSON. It is a secret: for standard output only.
///
/// # Errors
/// Where the cluster has no identity yet, or the secrets cannot be read.
pub fn credential(
    secrets: &dyn SecretStore,
    cluster: &Name,
    now: Timestamp,
) -> Result<String, DriverError> {
    // kubeadm binds this group to cluster-admin.
    let group = "kubeadm:cluster-admins";
    let identity = identity(secrets, cluster)?;
    let client = identity.ca.client("steading:user", group, LIFETIME, now)?;
    Ok(json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": client.certificate,
            "clientKeyData": client.key.as_str(),
            "expirationTimestamp": client.expires.to_string(),
        },
    })
    .to_string())
}

fn identity(secrets: &dyn SecretStore, cluster: &Name) -> Result<ClusterIdentity, DriverError> {
    ClusterIdentity::load(secrets, cluster)?.ok_or_else(|| {
        DriverError::new(format!("opening cluster {cluster}"))
            .caused_by("it has no secrets yet")
            .hint("bring it up first: steading up")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::pki::tests::{Memory, TEN_YEARS};

    #[test]
    fn a_kubeconfig_holds_no_secret() {
        let access = Access {
            lab: &"quickstart".parse().unwrap(),
            cluster: &"main".parse().unwrap(),
            port: 38_443,
            program: Path::new("/usr/local/bin/steading"),
            lab_path: Path::new("/labs/quick start"),
        };
        insta::assert_snapshot!(render(&access, "Q0E=").unwrap());
    }

    #[test]
    fn a_credential_is_what_kubectl_wants() {
        let store = Memory::default();
        let cluster: Name = "main".parse().unwrap();
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert!(credential(&store, &cluster, now).is_err());
        ClusterIdentity::load_or_create(&store, &cluster, (TEN_YEARS, now)).unwrap();
        let text = credential(&store, &cluster, now).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["kind"], "ExecCredential");
        let status = &json["status"];
        assert_eq!(status["expirationTimestamp"], "2026-11-21T11:00:00Z");
        let field = |name: &str| status[name].as_str().unwrap().to_owned();
        assert!(field("clientCertificateData").starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(field("clientKeyData").starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}
