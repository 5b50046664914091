//! Machines made, changed, broken and mended.

use std::process::Command;
use std::time::{Duration, Instant};

use driver::{Driver as _, Precheck};
use model::inventory::Presence;
use model::plan::Step;

use crate::groups;
use crate::lab::{Image, Lab};

/// Changes on the host that are not of the lab itself.
fn strange(lab: &Lab) -> Vec<String> {
    let (id, group) = (
        lab.scope.id.to_string(),
        format!("steading/contest-{}", lab.scope.id.short()),
    );
    let ours = |line: &String| {
        let new = line.starts_with('+');
        let process = line.contains("process ") && line.contains(&id);
        let listener = line.contains("listener tcp 127.0.0.1:2");
        let cgroup =
            line.contains("cgroup ") && (line.contains(&group) || line.ends_with("/steading"));
        let file = line.contains(&lab.machines.display().to_string());
        new && (process || listener || cgroup || file)
    };
    lab.changes()
        .into_iter()
        .filter(|line| !ours(line) && !others(lab, line))
        .collect()
}

/// Whether a change is that of another lab on this host.
fn others(lab: &Lab, line: &str) -> bool {
    let process = line.contains("process ") && !line.contains(&lab.scope.id.to_string());
    let cgroup =
        line.contains("/steading") && !line.contains(&format!("contest-{}", lab.scope.id.short()));
    process || cgroup || line.contains("listener ")
}

/// Asserts that the host is as before.
pub fn assert_untouched(lab: &Lab) {
    let changes: Vec<String> = lab
        .changes()
        .into_iter()
        .filter(|line| !others(lab, line))
        .collect();
    assert_eq!(changes, Vec::<String>::new());
}

/// Removes these and asserts that the host is as before.
pub fn teardown(lab: &Lab, steps: &[&Step]) {
    for step in steps {
        lab.teardown(step);
        // A repetition finds it done.
        lab.teardown(step);
    }
    assert!(lab.observe().is_empty());
    assert!(!lab.machines.exists());
    assert_untouched(lab);
}

pub fn a_machine_lives(image: &Image) {
    let lab = Lab::new(image, 1);
    let (network, first, second) = (lab.network(), lab.machine(1, 28, 2), lab.machine(2, 1, 2));
    assert_eq!(lab.precheck(&first), Precheck::Ready);
    for step in [&network, &first, &second] {
        lab.apply(step);
        lab.assert_well(step);
    }
    assert_eq!(strange(&lab), Vec::<String>::new());

    // It sees what was declared, and its own processes only.
    assert_eq!(
        lab.inside(
            "n1",
            "nproc --all; grep -c ^processor /proc/cpuinfo; hostname"
        ),
        "28\n28\nn1\n"
    );
    assert_eq!(
        lab.inside("n1", "grep MemTotal /proc/meminfo")
            .split_whitespace()
            .nth(1),
        Some("1048576")
    );
    assert_eq!(lab.inside("n1", "cat /proc/1/comm"), "s6-svscan\n");
    assert_eq!(lab.inside("n1", "cat /etc/machine-id").trim().len(), 32);
    // Machines reach each other by name.
    lab.inside(
        "n2",
        "setsid socat TCP-LISTEN:80,fork SYSTEM:'echo hello' > /dev/null 2>&1 &",
    );
    lab.inside("n1", "for n in 1 2 3 4 5 6 7 8 9; do test \"$(socat -u TCP:n2:80 -)\" = hello && exit; sleep 0.1; done; exit 1");
    // What containers need: images are there, and a container starts.
    assert!(
        lab.inside("n1", "ctr -n k8s.io images ls -q")
            .contains("registry.k8s.io/pause:")
    );
    let pause = lab.inside("n1", "ctr -n k8s.io images ls -q | grep -m 1 /pause:");
    let group = drivers::container::Containers
        .control_group(&lab.scope, &"n1".parse().unwrap())
        .unwrap();
    lab.inside("n1", &format!(
        "ctr -n k8s.io run --detach --cgroup {}/trial {} trial && ctr -n k8s.io tasks ls | grep -q trial",
        group.trim_end_matches('/'),
        pause.trim()
    ));
    // A container outside of the node's own group does not start, nor leave anything. Where all
    // that the node has is its own group, there is no outside.
    let start = format!("ctr -n k8s.io run --detach {} outside", pause.trim());
    let not = if groups::unified() { "" } else { "! " };
    lab.inside("n1", &format!("{not}{start}"));

    the_host_is_safe(&lab);
    files(&lab);
    disk_use(&lab);
    changes(&lab);
    teardown(&lab, &[&first, &second, &network]);
}

/// Settings of the whole machine cannot be changed from inside.
fn the_host_is_safe(lab: &Lab) {
    for (path, shown) in [("kernel/panic", "10"), ("vm/overcommit_memory", "1")] {
        assert_eq!(
            lab.inside("n1", &format!("cat /proc/sys/{path}")).trim(),
            shown
        );
    }
    lab.inside("n1", "echo 7 > /proc/sys/kernel/panic");
    lab.inside("n1", "! echo 7 > /proc/sys/kernel/core_pattern");
    lab.inside("n1", "! echo h > /proc/sysrq-trigger");
    lab.inside("n1", "! touch /sys/kernel/profiling");
    lab.inside("n1", "echo 1 > /proc/sys/net/ipv4/conf/all/forwarding; test $(cat /proc/sys/net/ipv4/ip_forward) = 1");
    lab.inside(
        "n1",
        "mkdir /run/m && mount -t tmpfs none /run/m && touch /dev/shm/x",
    );
    assert_eq!(strange(lab), Vec::<String>::new());
}

fn files(lab: &Lab) {
    use driver::Machines as _;
    let (inside, node) = (drivers::container::Containers, "n1".parse().unwrap());
    let path = std::path::Path::new("/etc/kubernetes/pki/a b.key");
    assert_eq!(inside.read(&lab.scope, &node, path).unwrap(), None);
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    inside
        .write(&lab.scope, &node, path, &content, 0o600)
        .unwrap();
    assert_eq!(inside.read(&lab.scope, &node, path).unwrap(), Some(content));
    assert_eq!(
        lab.inside("n1", "stat -c %a '/etc/kubernetes/pki/a b.key'"),
        "600\n"
    );
    assert!(
        inside
            .read(&lab.scope, &"n9".parse().unwrap(), path)
            .is_err()
    );
    // A limit ends the program, also inside.
    let long = driver::MachineCommand::new(["sleep", "77777"], Duration::from_millis(300));
    let error = inside
        .run(&lab.scope, &node, &long, &mut |_| {})
        .unwrap_err();
    assert_eq!(error.kind, driver::ErrorKind::TimedOut);
    lab.inside("n1", "sleep 0.2; ! pgrep -x -f 'sleep 77777'");
}

/// A node takes little beside the image that all share.
fn disk_use(lab: &Lab) {
    let output = Command::new("du")
        .args(["-sm", "--"])
        .arg(image_store(lab))
        .arg(&lab.machines)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let sizes: Vec<u64> = text
        .lines()
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    // What is shared counts where it is seen first: at the image.
    assert!(sizes[1] < 2 * 50, "two nodes take {} MiB", sizes[1]);
}

fn image_store(lab: &Lab) -> std::path::PathBuf {
    let Presence::Ours {
        spec: Some(spec), ..
    } = lab.see("machine/n1").presence
    else {
        panic!("no spec");
    };
    let model::resource::Spec::Machine(spec) = *spec else {
        panic!("no machine")
    };
    lab.machines
        .with_file_name("images")
        .join(spec.image.short())
}

fn changes(lab: &Lab) {
    // A new neighbour is made known while it runs.
    let pid = lab.pid("machine/n1");
    lab.apply(&lab.machine(1, 28, 3));
    assert_eq!(lab.pid("machine/n1"), pid);
    lab.inside("n1", "grep -qx '10.88.0.13 n3' /etc/hosts");
    // A new size starts it anew, on the same disk.
    lab.inside("n1", "echo kept > /var/lib/etcd/a; echo kept > /root/a");
    lab.apply(&lab.machine(1, 4, 3));
    lab.assert_well(&lab.machine(1, 4, 3));
    assert_ne!(lab.pid("machine/n1"), pid);
    assert_eq!(
        lab.inside("n1", "nproc --all; cat /var/lib/etcd/a /root/a"),
        "4\nkept\nkept\n"
    );
    // Another one's folder is refused and left.
    let group = format!("contest-{}", lab.scope.id.short());
    let other = lab.machines.join(group);
    std::fs::create_dir_all(other.join("n7")).unwrap();
    std::fs::write(other.join("n7/data"), "theirs").unwrap();
    let refused = lab.precheck(&lab.machine(7, 1, 1));
    assert!(matches!(refused, Precheck::Refused(_)), "{refused:?}");
    assert!(lab.try_apply(&lab.machine(7, 1, 1)).is_err());
    let wanted = lab.machine(7, 1, 1).resource;
    let seen = lab.driver.observe(&lab.scope, &[&wanted]).unwrap();
    let foreign = &seen[&wanted.address].presence;
    assert!(matches!(foreign, Presence::Foreign { .. }), "{foreign:?}");
    assert_eq!(std::fs::read(other.join("n7/data")).unwrap(), b"theirs");
    std::fs::remove_dir_all(other.join("n7")).unwrap();
}

pub fn faults_are_named_and_mended(image: &Image) {
    let lab = Lab::new(image, 2);
    let (network, machine) = (lab.network(), lab.machine(1, 2, 1));
    lab.apply(&network);
    lab.apply(&machine);
    lab.inside("n1", "echo kept > /root/a");

    kill(&lab.pid("machine/n1"));
    assert_fault(&lab, "it does not run");
    mend(&lab);
    assert_eq!(lab.inside("n1", "cat /root/a"), "kept\n");

    let pid = lab.pid("machine/n1");
    for (break_it, fault) in [
        ("ip link delete eth0", "its network link is gone"),
        ("ip link set eth0 down", "its network link is down"),
        (
            "ip address flush dev eth0",
            "its link has lost the address 10.88.0.11/24",
        ),
        (
            "ip route delete default",
            "it has no default route by 10.88.0.1",
        ),
        (
            "ip link set eth0 mtu 1300",
            "its network link does not have the MTU 1500",
        ),
        (
            "s6-svc -d /run/service/containerd; sleep 0.5",
            "containerd does not run",
        ),
    ] {
        lab.inside("n1", break_it);
        assert_fault(&lab, fault);
        mend(&lab);
    }
    assert_eq!(lab.pid("machine/n1"), pid, "it went on running");

    // Cut at the other end, which the machine itself does not see.
    let bridge = lab.pid("network/lab");
    let port = network_do(
        &bridge,
        "ip -o link show master lab | grep -o 'n[0-9a-f]*@' | tr -d @",
    );
    network_do(&bridge, &format!("ip link set {} nomaster", port.trim()));
    assert_fault(&lab, "its network link leads nowhere");
    mend(&lab);

    // The network's holder is killed, and with it every link.
    kill(&lab.pid("network/lab"));
    assert_fault(&lab, "its network link is gone");
    assert_eq!(lab.faults("network/lab"), ["nothing holds it"]);
    lab.apply(&network);
    lab.assert_well(&network);
    mend(&lab);
    lab.inside("n1", "ip neigh flush all; ip -4 route get 10.88.0.1");

    // A service that cannot live: the supervisor's tally shows it, and its log why.
    lab.inside("n1", "cp /etc/containerd/config.toml /root/ && echo nonsense > /etc/containerd/config.toml && s6-svc -r /run/service/containerd; sleep 4");
    let seen = lab.see("machine/n1");
    let crash = seen.faults.first().unwrap();
    assert!(crash.what.starts_with("containerd crashes"), "{seen:?}");
    assert!(
        crash
            .cause
            .as_ref()
            .is_some_and(|cause| cause.contains("toml")),
        "{seen:?}"
    );
    lab.inside("n1", "cp /root/config.toml /etc/containerd/");
    teardown(&lab, &[&machine, &network]);
}

pub fn kill(pid: &str) {
    let killed = Command::new("kill").args(["-9", pid]).status().unwrap();
    assert!(killed.success(), "kill {pid}");
}

/// Runs a script in the network namespace of a process.
fn network_do(pid: &str, script: &str) -> String {
    let output = Command::new("nsenter")
        .args(["--target", pid, "--net", "sh", "-c", script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Asserts that the machine is soon seen with that fault. What dies is seen dying for a moment.
fn assert_fault(lab: &Lab, fault: &str) {
    let start = Instant::now();
    loop {
        let faults = lab.faults("machine/n1");
        if faults.iter().any(|found| found.starts_with(fault)) {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "not {fault}: {faults:?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn mend(lab: &Lab) {
    let machine = lab.machine(1, 2, 1);
    lab.apply(&machine);
    lab.assert_well(&machine);
}
