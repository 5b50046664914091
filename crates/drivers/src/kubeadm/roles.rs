//! The rights by which nodes join: those of kubeadm's phase `bootstrap-token`, without its token
//! (cmd/kubeadm/app/phases/bootstraptoken/node/tlsbootstrap.go of Kubernetes 1.36).

use driver::{DriverError, Scope};
use serde_json::{Value, json};

use crate::kube::client::{Cluster, Request};
use crate::kube::object::{LAB, segment};

/// The group of the certificates that nodes join with.
pub(crate) const JOINING: &str = "system:bootstrappers:kubeadm:default-node-token";

const API: &str = "rbac.authorization.k8s.io/v1";

/// Grants the rights. Repeating it changes nothing.
pub(crate) fn grant(cluster: &Cluster, scope: &Scope) -> Result<(), DriverError> {
    let csr = "system:certificates.k8s.io:certificatesigningrequests";
    let get_nodes = "kubeadm:get-nodes";
    let objects = [
        json!({
            "apiVersion": API, "kind": "ClusterRole", "metadata": { "name": get_nodes },
            "rules": [{ "verbs": ["get"], "apiGroups": [""], "resources": ["nodes"] }],
        }),
        binding(get_nodes, get_nodes, "Group", JOINING),
        binding(
            "kubeadm:kubelet-bootstrap",
            "system:node-bootstrapper",
            "Group",
            JOINING,
        ),
        binding(
            "kubeadm:node-autoapprove-bootstrap",
            &format!("{csr}:nodeclient"),
            "Group",
            JOINING,
        ),
        binding(
            "kubeadm:node-autoapprove-certificate-rotation",
            &format!("{csr}:selfnodeclient"),
            "Group",
            "system:nodes",
        ),
        binding(
            "kubeadm:apiserver-kubelet-client",
            "system:kubelet-api-admin",
            "User",
            "kube-apiserver-kubelet-client",
        ),
    ];
    let requests = objects.into_iter().map(|mut object| {
        object["metadata"]["labels"] = json!({ LAB: scope.id.to_string() });
        let plural = match object["kind"].as_str() {
            Some("ClusterRole") => "clusterroles",
            _ => "clusterrolebindings",
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        Request::apply(
            &format!("/apis/{API}/{plural}/{}", segment(name)),
            &object,
            false,
        )
    });
    for answer in cluster.send_all(requests.collect()) {
        answer.map_err(|error| error.during("granting joining nodes their rights"))?;
    }
    Ok(())
}

fn binding(name: &str, role: &str, subject: &str, subject_name: &str) -> Value {
    json!({
        "apiVersion": API,
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": subject, "name": subject_name
        }],
    })
}
