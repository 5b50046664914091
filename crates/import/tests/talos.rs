//! Two machine configurations, as `talosctl gen config` would write them, with every secret.

mod shown;

use import::Files;

const SECRETS: &str = r#"
cluster:
  id: PLAIN-01
  secret: PLAIN-02
  token: PLAIN-03
  aescbcEncryptionSecret: PLAIN-04
  secretboxEncryptionSecret: PLAIN-05
  ca: { crt: PLAIN-06, key: PLAIN-07 }
  aggregatorCA: { crt: PLAIN-08, key: PLAIN-09 }
  serviceAccount: { key: PLAIN-10 }
  etcd: { ca: { crt: PLAIN-11, key: PLAIN-12 }, advertisedSubnets: [10.8.0.0/24] }
"#;

fn plane() -> String {
    let rest = r#"
  clusterName: cellar
  controlPlane: { endpoint: "https://cellar.example.net:6443" }
  network: { dnsDomain: cluster.local, podSubnets: [10.244.0.0/16], serviceSubnets: [10.96.0.0/12], cni: { name: flannel } }
  apiServer: { image: "registry.k8s.io/kube-apiserver:v1.33.1", certSANs: [cellar.example.net], extraArgs: { audit-log-path: /tmp/audit } }
  proxy: { image: "registry.k8s.io/kube-proxy:v1.33.1" }
  discovery: { enabled: true }
machine:
  type: controlplane
  token: PLAIN-13
  ca: { crt: PLAIN-14, key: PLAIN-15 }
  kubelet: { image: "ghcr.io/siderolabs/kubelet:v1.33.1", defaultRuntimeSeccompProfileEnabled: true }
  network:
    hostname: p1
    interfaces:
      - interface: eth0
        addresses: [10.8.0.11/24, "fd08::11/64"]
        routes: [{ network: 0.0.0.0/0, gateway: 10.8.0.1 }]
        vip: { ip: 10.8.0.9 }
        wireguard: { privateKey: PLAIN-16, peers: [{ publicKey: pub, presharedKey: PLAIN-17 }] }
  install: { disk: /dev/sda, image: "ghcr.io/siderolabs/installer:v1.10.4", wipe: false }
  registries: { config: { r.example.net: { auth: { username: me, password: PLAIN-18, identityToken: PLAIN-19 } } } }
  systemDiskEncryption: { state: { provider: luks2, keys: [{ slot: 0, static: { passphrase: PLAIN-20 } }] } }
  files: [{ path: /var/x, permissions: 0o600, content: PLAIN-21 }]
  env: { GRPC_GO_LOG_SEVERITY_LEVEL: info, HTTPS_PROXY: "http://me:PLAIN-22@proxy.example.net" }
  sysctls: { a: "1" }
---
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: tailscale
environment: [TS_AUTHKEY=PLAIN-23, TS_ROUTES=10.0.0.0/8]
"#;
    format!("version: v1alpha1{SECRETS}{rest}")
}

const WORKER: &str = r#"
version: v1alpha1
machine:
  type: worker
  token: PLAIN-24
  kubelet: { image: "ghcr.io/siderolabs/kubelet:v1.33.1", defaultRuntimeSeccompProfileEnabled: true }
  network: { interfaces: [{ deviceSelector: { hardwareAddr: "52:54:00:aa:00:02" }, dhcp: true }] }
  install: { disk: /dev/nvme0n1 }
  nodeLabels: { disk: fast }
  sysctls: { a: "1", b: "2" }
cluster:
  clusterName: cellar
  controlPlane: { endpoint: "https://cellar.example.net:6443" }
  inlineManifests: [{ name: s, contents: "kind: Secret\ndata:\n  x: PLAIN-25\n" }]
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: w1
"#;

#[test]
fn machine_configurations_become_a_lab_without_their_secrets() {
    let files: Files = [("p1.yaml", plane()), ("w1.yaml", WORKER.to_owned())]
        .map(|(file, text)| (file.to_owned(), text))
        .into();
    let imported = import::talos(&files).unwrap();
    let shown = shown::shown(&imported);
    assert!(!shown.contains("PLAIN"), "{shown}");
    insta::assert_snapshot!(shown);
}
