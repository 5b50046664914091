//! A cluster that nobody made with Steading: Helm, Flux, Argo CD, MetalLB, OIDC, a cloud's node, a
//! reader that may not read everything; and every secret that such clusters hold.

use import::Files;
use serde_json::{Value, json};

use crate::around::helm_secret;
use crate::shown::shown;

fn object(version: &str, kind: &str, namespace: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({
        "apiVersion": version, "kind": kind, "metadata": { "namespace": namespace, "name": name },
    });
    for (key, value) in rest.as_object().unwrap() {
        match key.as_str() {
            "labels" | "annotations" => object["metadata"][key] = value.clone(),
            _ => object[key] = value.clone(),
        }
    }
    object
}

fn node(name: &str, address: &str, labels: Value, spec: Value) -> Value {
    object(
        "v1",
        "Node",
        "",
        name,
        json!({
            "labels": labels, "spec": spec,
            "status": {
                "addresses": [
                    { "type": "InternalIP", "address": address },
                    { "type": "ExternalIP", "address": "198.51.100.9" },
                ],
                "capacity": { "cpu": "4", "memory": "16316412Ki" },
                "nodeInfo": {
                    "architecture": "amd64", "kubeletVersion": "v1.35.1",
                    "osImage": "Ubuntu 24.04.2 LTS",
                },
            },
        }),
    )
}

fn nodes() -> Vec<Value> {
    let plane = json!({ "node-role.kubernetes.io/control-plane": "", "rack": "a", "token-like": "ghp_PLAIN" });
    let cloud = json!({
        "topology.kubernetes.io/region": "eu-west-1", "topology.kubernetes.io/zone": "eu-west-1a",
        "node.kubernetes.io/instance-type": "t3.medium",
    });
    vec![
        node(
            "Plane.home",
            "192.168.7.2",
            plane,
            json!({ "podCIDR": "10.2.0.0/24", "taints": [
            { "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" },
            { "key": "node.kubernetes.io/unreachable", "effect": "NoExecute" },
        ] }),
        ),
        node(
            "cloud-1",
            "100.101.1.2",
            cloud,
            json!({
                "podCIDR": "10.2.1.0/24", "providerID": "aws:///eu-west-1a/i-0123456789"
            }),
        ),
        node(
            "box",
            "192.168.7.3",
            json!({}),
            json!({ "providerID": "proxmox://a/101" }),
        ),
    ]
}

fn setup() -> Vec<Value> {
    let cluster = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: kubernetes\ncontrolPlaneEndpoint: k8s.home.example.net:6443\nkubernetesVersion: v1.35.1\nnetworking: { podSubnet: 10.2.0.0/16, serviceSubnet: 10.3.0.0/16, dnsDomain: cluster.local }\napiServer:\n  certSANs: [k8s.home.example.net, 192.168.7.2, other.example.net]\n  extraArgs: [{ name: encryption-provider-config, value: /etc/enc.yaml }, { name: etcd-password, value: PLAIN }]\nfeatureGates: { ControlPlaneKubeletLocalMode: true }\n";
    let command = json!([
        "kube-apiserver",
        "--oidc-issuer-url=https://login.example.net",
        "--oidc-client-id=k8s"
    ]);
    vec![
        json!({
            "kind": "Config", "contexts": [{ "name": "a", "context": { "cluster": "home", "user": "me" } }],
            "clusters": [{ "name": "home", "cluster": { "server": "https://192.168.7.2:6443" } }],
            "users": [{ "name": "me", "user": { "token": "PLAIN" } }],
        }),
        object(
            "v1",
            "ConfigMap",
            "kube-system",
            "kubeadm-config",
            json!({ "data": { "ClusterConfiguration": cluster } }),
        ),
        object(
            "v1",
            "ConfigMap",
            "kube-system",
            "kube-proxy",
            json!({ "data": { "config.conf": "mode: \"\"\n" } }),
        ),
        object(
            "v1",
            "ConfigMap",
            "kube-flannel",
            "kube-flannel-cfg",
            json!({ "data": {
            "net-conf.json": "{\"Network\":\"10.2.0.0/16\",\"Backend\":{\"Type\":\"wireguard\"}}"
        } }),
        ),
        object(
            "v1",
            "Pod",
            "kube-system",
            "kube-apiserver-plane",
            json!({
                "labels": { "component": "kube-apiserver" }, "spec": { "containers": [{ "command": command }] },
            }),
        ),
        object(
            "v1",
            "Pod",
            "kube-system",
            "kube-vip-plane",
            json!({ "spec": { "containers": [{
            "image": "ghcr.io/kube-vip/kube-vip:v1.0.1", "env": [{ "name": "address", "value": "192.168.7.9" }]
        }] } }),
        ),
        object(
            "v1",
            "Service",
            "kube-system",
            "kube-dns",
            json!({ "spec": { "clusterIP": "10.3.0.53" } }),
        ),
        json!({
            "kind": "Status", "reason": "Forbidden",
            "details": { "group": "operator.tigera.io", "kind": "installations" }, "message": "PLAIN",
        }),
    ]
}

fn around() -> Vec<Value> {
    let class = |name: &str, by: &str, parameters: Value| {
        object(
            "storage.k8s.io/v1",
            "StorageClass",
            "",
            name,
            json!({
                "provisioner": by, "parameters": parameters, "reclaimPolicy": "Retain",
            }),
        )
    };
    let nfs = json!({ "server": "nas.home.example.net", "share": "/tank" });
    let odd = json!({ "replicas": "2", "adminPassword": "PLAIN" });
    let service = json!({
        "annotations": { "meta.helm.sh/release-name": "ingress" },
        "spec": { "type": "LoadBalancer" }, "status": { "loadBalancer": { "ingress": [{ "ip": "192.168.7.40" }] } },
    });
    vec![
        class("shares", "nfs.csi.k8s.io", nfs),
        class("replicated", "driver.longhorn.io", odd),
        object(
            "storage.k8s.io/v1",
            "CSIDriver",
            "",
            "driver.longhorn.io",
            json!({}),
        ),
        object(
            "storage.k8s.io/v1",
            "CSIDriver",
            "",
            "smb.csi.k8s.io",
            json!({}),
        ),
        object(
            "metallb.io/v1beta1",
            "IPAddressPool",
            "metallb-system",
            "lan",
            json!({
                "spec": { "addresses": ["192.168.7.40 - 192.168.7.60"], "autoAssign": false },
            }),
        ),
        object(
            "metallb.io/v1beta2",
            "BGPPeer",
            "metallb-system",
            "router",
            json!({
                "spec": { "peerAddress": "192.168.7.1", "peerASN": 64500, "myASN": 64501, "password": "PLAIN" },
            }),
        ),
        object(
            "networking.k8s.io/v1",
            "IngressClass",
            "",
            "nginx",
            json!({ "spec": { "controller": "k8s.io/ingress-nginx" } }),
        ),
        object(
            "networking.k8s.io/v1",
            "IngressClass",
            "",
            "odd",
            json!({ "spec": { "controller": "example.net/odd" } }),
        ),
        object(
            "gateway.networking.k8s.io/v1",
            "GatewayClass",
            "",
            "eg",
            json!({
                "spec": { "controllerName": "gateway.envoyproxy.io/gatewayclass-controller" },
            }),
        ),
        object("v1", "Service", "ingress", "ingress", service),
        object(
            "v1",
            "Service",
            "default",
            "game",
            json!({ "spec": { "type": "LoadBalancer" } }),
        ),
        object("apps/v1", "Deployment", "default", "by-hand", json!({})),
        object(
            "apps/v1",
            "Deployment",
            "photos",
            "photos",
            json!({ "labels": { "app.kubernetes.io/managed-by": "Helm" } }),
        ),
    ]
}

fn delivered() -> Vec<Value> {
    let release = |chart: &str, version: &str, values: Value| {
        json!({
            "name": "x", "chart": { "metadata": { "name": chart, "version": version } }, "config": values,
            "manifest": "PLAIN",
        })
    };
    let mut nginx = release(
        "ingress-nginx",
        "4.12.2",
        json!({ "controller": { "replicaCount": 2 } }),
    );
    nginx["name"] = json!("ingress");
    let mut photos = release(
        "immich",
        "0.10.3",
        json!({ "db": { "password": "PLAIN", "host": "db" } }),
    );
    photos["name"] = json!("photos");
    let mut cert = release("cert-manager", "v1.19.0", json!({}));
    cert["name"] = json!("cert-manager");
    let flux = |kind: &str, name: &str, spec: Value| {
        let group = match kind {
            "HelmRelease" => "helm",
            "Kustomization" => "kustomize",
            _ => "source",
        };
        let version = format!("{group}.toolkit.fluxcd.io/v1");
        object(
            &version,
            kind,
            "flux-system",
            name,
            json!({ "spec": spec, "status": { "x": "noise" } }),
        )
    };
    let source = |source: Value| json!({ "spec": { "source": source, "destination": { "namespace": "apps" } } });
    vec![
        helm_secret(
            "ingress",
            "ingress",
            9,
            "superseded",
            &release("old", "1", json!({})),
        ),
        helm_secret("ingress", "ingress", 10, "deployed", &nginx),
        helm_secret("photos", "photos", 1, "deployed", &photos),
        helm_secret("cert-manager", "cert-manager", 1, "deployed", &cert),
        flux(
            "GitRepository",
            "flux-system",
            json!({ "url": "https://git.example.net/home.git", "interval": "1m" }),
        ),
        flux(
            "Kustomization",
            "flux-system",
            json!({ "path": "./clusters/home", "interval": "1m" }),
        ),
        flux(
            "Kustomization",
            "apps",
            json!({ "path": "./apps", "prune": true, "suspend": true }),
        ),
        flux(
            "HelmRepository",
            "jetstack",
            json!({ "url": "https://charts.example.net/jetstack", "interval": "1h" }),
        ),
        flux(
            "HelmRelease",
            "cert-manager",
            json!({
                "releaseName": "cert-manager", "targetNamespace": "cert-manager", "interval": "1h",
                "chart": { "spec": { "chart": "cert-manager", "version": "v1.19.0",
                    "sourceRef": { "kind": "HelmRepository", "name": "jetstack" } } },
                "values": { "crds": { "enabled": true } },
            }),
        ),
        object(
            "argoproj.io/v1alpha1",
            "Application",
            "argocd",
            "blog",
            source(json!({
                "repoURL": "https://charts.example.net/blog", "chart": "blog", "targetRevision": "2.1.0",
                "helm": { "values": "replicas: 2\nsmtp: { password: PLAIN }\n" },
            })),
        ),
        object(
            "argoproj.io/v1alpha1",
            "Application",
            "argocd",
            "wiki",
            source(json!({
                "repoURL": "https://me:PLAIN@git.example.net/wiki.git", "path": "deploy", "targetRevision": "main",
            })),
        ),
    ]
}

#[test]
fn a_cluster_of_other_tools_becomes_a_lab_without_its_secrets() {
    let all = [nodes(), setup(), around(), delivered()].concat();
    // As kubectl prints it: one list of all.
    let (about, objects): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|one| one["kind"] == "Config");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let files: Files = [("dump.json", list), ("kubeconfig.yaml", about[0].clone())]
        .map(|(file, value)| (file.to_owned(), value.to_string()))
        .into();
    let imported = import::cluster(&files).unwrap();
    let shown = shown(&imported);
    assert!(!shown.contains("PLAIN"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_release_that_is_none_is_told_without_what_it_holds() {
    for packed in ["PLAIN", "UExBSU4=", ""] {
        let mut all = nodes();
        all.extend(setup());
        all.push(object(
            "v1",
            "Secret",
            "a",
            "b",
            json!({
                "type": "helm.sh/release.v1", "data": { "release": packed },
            }),
        ));
        let files: Files = all
            .into_iter()
            .enumerate()
            .map(|(at, one)| (format!("{at}.json"), one.to_string()))
            .collect();
        let error = import::cluster(&files).unwrap_err().to_string();
        assert_eq!(error, "Secret a/b: data.release is not a release of Helm 3");
    }
}
