//! What a machine is told at its start: names, container runtime, pod network, services.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use model::name::Name;
use model::resource::NodeMachine;
use serde_json::json;
use uuid::Uuid;

/// Where programs are looked for inside a node.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where the supervisor finds its services.
pub(super) const SERVICES: &str = "/run/service";

/// The names that a node resolves without DNS.
pub(super) fn hosts(spec: &NodeMachine) -> String {
    let mut hosts = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    for (name, address) in &spec.hosts {
        // Writing to a String cannot fail.
        let _ = writeln!(hosts, "{address} {name}");
    }
    hosts
}

/// Writes the files that lie on the node's disk, below its overlay's upper folder.
pub(super) fn write_files(
    upper: &Path,
    node: &Name,
    spec: &NodeMachine,
    id: Uuid,
    spare_oom: bool,
) -> io::Result<()> {
    let files = [
        ("etc/hostname", format!("{node}\n")),
        ("etc/hosts", hosts(spec)),
        ("etc/resolv.conf", format!("nameserver {}\n", spec.gateway)),
        ("etc/machine-id", format!("{}\n", id.simple())),
        ("etc/containerd/config.toml", containerd(spare_oom)),
        (
            "etc/cni/steading.conflist.template",
            pod_network(spec.pod_mtu),
        ),
        (
            "etc/crictl.yaml",
            "runtime-endpoint: unix:///run/containerd/containerd.sock\n".to_owned(),
        ),
    ];
    for (path, content) in files {
        let path = upper.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// The container runtime. Version 2 of the format is understood by containerd 1.7 and 2.x.
fn containerd(spare_oom: bool) -> String {
    format!(
        r#"version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.2"
  # Without CAP_SYS_RESOURCE nobody may lower a process's OOM score, and runc would fail on it.
  restrict_oom_score_adj = {spare_oom}

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
    # Filled in with the node's pod range once kubelet has been told it.
    conf_template = "/etc/cni/steading.conflist.template"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"#
    )
}

/// A point-to-point link for each pod: unlike a bridge it needs no bridge netfilter in the kernel
/// for Services between pods of one node.
fn pod_network(mtu: u16) -> String {
    let plugins = json!({
        "cniVersion": "1.0.0",
        "name": "steading",
        "plugins": [
            {
                "type": "ptp",
                "mtu": mtu,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": "{{.PodCIDR}}" }]],
                    "routes": [{ "dst": "0.0.0.0/0" }]
                }
            },
            { "type": "portmap", "capabilities": { "portMappings": true } }
        ]
    });
    plugins.to_string()
}

/// The services of a node, run by s6, each with the file without which it is not started: whoever
/// writes that starts it. Each has a log of its own, kept to a few megabytes.
const SERVICE: [(&str, Option<&str>, &str); 4] = [
    (
        "containerd",
        None,
        "exec /usr/bin/containerd --config /etc/containerd/config.toml\n",
    ),
    (
        "haproxy",
        Some("/etc/steading/haproxy.cfg"),
        // As a master with one worker, which a changed configuration is handed to.
        "exec /usr/sbin/haproxy -W -f /etc/steading/haproxy.cfg\n",
    ),
    (
        "keepalived",
        Some("/etc/steading/keepalived.conf"),
        "exec /usr/sbin/keepalived --use-file /etc/steading/keepalived.conf --vrrp --dont-fork --log-console\n",
    ),
    (
        "kubelet",
        None,
        // kubeadm writes both files; until then there is nothing to run.
        "until [ -s /var/lib/kubelet/config.yaml ] && [ -s /var/lib/kubelet/kubeadm-flags.env ]\n\
         do sleep 0.1; done\n\
         . /var/lib/kubelet/kubeadm-flags.env\n\
         exec /usr/local/bin/kubelet \\\n\
         \x20 --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\\n\
         \x20 --kubeconfig=/etc/kubernetes/kubelet.conf \\\n\
         \x20 --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS\n",
    ),
];

/// Writes the services into the supervisor's folder. Called inside the node, before it starts.
pub(super) fn write_services() -> io::Result<()> {
    for (name, needs, command) in SERVICE {
        let folder = Path::new(SERVICES).join(name);
        if needs.is_some_and(|file| !Path::new(file).exists()) {
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("down"), "")?;
        }
        write_service(name, command)?;
    }
    Ok(())
}

/// Writes one service, with its log.
pub(super) fn write_service(name: &str, command: &str) -> io::Result<()> {
    let folder = Path::new(SERVICES).join(name);
    // The services must not carry the machine's tag: only process 1 stands for it.
    let clean = "unset STEADING_LAB_ID STEADING_ADDRESS STEADING_DIGEST\n";
    let run = format!("#!/bin/sh\nexec 2>&1 </dev/null\n{clean}{command}");
    program(&folder.join("run"), &run)?;
    let logs = format!("/var/log/{name}");
    fs::create_dir_all(&logs)?;
    let keep = format!("#!/bin/sh\n{clean}exec s6-log -b n4 s1000000 T {logs}\n");
    program(&folder.join("log/run"), &keep)
}

/// The file that a service's log goes to.
#[must_use]
pub fn log_file(service: &str) -> String {
    format!("/var/log/{service}/current")
}

fn program(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
