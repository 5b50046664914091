//! A small talhelper folder, with all that is usual in one.

mod shown;

use import::Files;

const TALCONFIG: &str = r#"
clusterName: attic
talosVersion: v1.9.6
kubernetesVersion: v1.32.6
endpoint: https://10.7.0.100:6443
clusterPodNets: ["10.69.0.0/16"]
clusterSvcNets: ["10.96.0.0/16"]
additionalApiServerCertSans: [k8s.example.net]
allowSchedulingOnControlPlanes: true
cniConfig: { name: none }
patches:
  - "@./patches/all.yaml"
  - |-
    machine:
      features:
        kubePrism: { enabled: true, port: 7445 }
nodes:
  - hostname: one
    ipAddress: 10.7.0.61
    controlPlane: true
    installDisk: /dev/vda
    nodeLabels: { rack: left }
    nodeTaints: { volatile: "yes:NoSchedule" }
    networkInterfaces:
      - deviceSelector: { hardwareAddr: "52:54:00:00:00:01" }
        dhcp: false
        mtu: 1500
        addresses: [10.7.0.61/24]
        routes: [{ network: 0.0.0.0/0, gateway: 10.7.0.1 }]
        vip: { ip: 10.7.0.100 }
        bond: { mode: 802.3ad }
        vlans: [{ vlanId: 40, addresses: [10.40.0.61/24], mtu: 1400 }]
  - hostname: Two.attic
    ipAddress: ${TWO}
    machineSpec: { arch: arm64 }
    schematic: { customization: { systemExtensions: { officialExtensions: [siderolabs/iscsi-tools, siderolabs/rpi] } } }
    patches:
      - "- op: remove\n  path: /machine/x\n"
      - "@patches/none.yaml"
    userVolumes: [{ name: data }]
worker:
  nameservers: [10.7.0.1]
controlPlane:
  schematic: { customization: { systemExtensions: { officialExtensions: [siderolabs/iscsi-tools] } } }
  patches:
    - |-
      cluster:
        proxy: { disabled: true }
        secret: ${CLUSTER_SECRET}
        token: PLAIN-TOKEN
    - |-
      - op: add
        path: /machine/kubelet/extraArgs/rotate-server-certificates
        value: "true"
  ingressFirewall: { defaultAction: block }
"#;

fn files() -> Files {
    let files = [
        ("talconfig.yaml", TALCONFIG),
        ("talenv.yaml", "TWO: 10.7.0.62\nDB_PASSWORD: PLAIN-ENV\n"),
        (
            "talsecret.sops.yaml",
            "cluster:\n  secret: ENC[AES256_GCM,data:aa,type:str]\nsops:\n  age: []\n  mac: ENC[x]\n",
        ),
        (
            "patches/all.yaml",
            "machine:\n  sysctls:\n    vm.swappiness: \"10\"\n",
        ),
    ];
    files
        .into_iter()
        .map(|(file, text)| (file.to_owned(), text.to_owned()))
        .collect()
}

#[test]
fn a_folder_of_talhelper_becomes_a_lab() {
    let imported = import::talhelper(&files()).unwrap();
    let shown = shown::shown(&imported);
    assert!(!shown.contains("PLAIN"), "{shown}");
    insta::assert_snapshot!(shown);
}
