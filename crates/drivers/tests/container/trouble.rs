//! What is made to go wrong in a replica: begun, ended, and kept through whatever happens between.

use std::process::Command;

use model::trouble::Trouble;

use crate::lab::{Image, Lab};
use crate::life::teardown;

pub fn troubles_begin_and_end(image: &Image) {
    let lab = Lab::new(image, 7);
    let network = lab.network();
    let (a, b) = (lab.host("a"), lab.host("b"));
    let (n1, n2) = (lab.machine_on("a", 1), lab.machine_on("b", 2));
    for step in [&network, &a, &b, &n1, &n2] {
        lab.apply(step);
        lab.assert_well(step);
    }
    a_link_is_as_fast_as_declared(&lab);
    links(&lab);
    disks(&lab);
    processors(&lab);

    let host = || "a".parse().unwrap();
    lab.trouble(&Trouble::Disk(host()), true);
    lab.trouble(&Trouble::Network("lab".parse().unwrap()), true);
    assert_eq!(lab.driver.troubles(&lab.scope).len(), 2);
    teardown(&lab, &[&n1, &n2, &a, &b, &network]);
    assert_eq!(lab.driver.troubles(&lab.scope), []);
}

/// The host's end of its link is found broken, and mended.
fn a_link_is_as_fast_as_declared(lab: &Lab) {
    let net = format!("--net=/proc/{}/ns/net", lab.pid("host/a"));
    let tc = |words: &[&str]| {
        let output = Command::new("nsenter")
            .arg(&net)
            .arg("tc")
            .args(words)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let told = tc(&["qdisc", "show"]);
    let line = told.lines().find(|line| line.contains("rate 100Mbit"));
    let words: Vec<&str> = line
        .unwrap_or_else(|| panic!("{told}"))
        .split(' ')
        .collect();
    let link = words[words.iter().position(|word| *word == "dev").unwrap() + 1];
    tc(&["qdisc", "delete", "dev", link, "root"]);
    assert_eq!(
        lab.faults("host/a"),
        ["its link into network lab is not held to 100M"]
    );
    let a = lab.host("a");
    lab.apply(&a);
    lab.assert_well(&a);
}

fn links(lab: &Lab) {
    let a = lab.host("a");
    let reach = "socat -u TCP:10.88.0.11:80,connect-timeout=1 - 2>&1 | grep -q refused";
    // Who was not there a moment ago is asked for again only after a while.
    let reached = format!("for i in $(seq 20); do {reach} && exit 0; sleep 0.3; done; exit 1");
    let reached = reached.as_str();
    lab.inside("n2", reached);
    let of = |network: Option<&str>| Trouble::Link {
        host: "a".parse().unwrap(),
        network: network.map(|name| name.parse().unwrap()),
    };
    let all = Trouble::Network("lab".parse().unwrap());
    for trouble in [of(None), of(Some("lab")), all] {
        lab.trouble(&trouble, true);
        lab.inside("n2", &format!("! {reach}"));
        // The same host's machines still reach each other; and all is as it is meant to be.
        lab.inside("n1", reached);
        lab.assert_well(&a);
        lab.apply(&a);
        lab.inside("n2", &format!("! {reach}"));
        lab.trouble(&trouble, false);
        lab.inside("n2", reached);
        lab.assert_well(&a);
    }
    // Somebody was killed between the record and the link.
    lab.trouble(&of(None), true);
    let net = format!("--net=/proc/{}/ns/net", lab.pid("network/lab"));
    let up = "ip -o link show | sed -n 's/^[0-9]*: \\(h[^@]*\\)@.*/\\1/p' | while read -r link; do ip link set \"$link\" up; done";
    assert!(
        Command::new("nsenter")
            .args([&net, "sh", "-c", up])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(
        lab.faults("host/a"),
        ["its link into network lab is to be cut, and carries packets"]
    );
    lab.apply(&a);
    lab.assert_well(&a);
    lab.inside("n2", &format!("! {reach}"));
    lab.trouble(&of(None), false);
}

fn disks(lab: &Lab) {
    let (n1, full) = (lab.machine_on("a", 1), Trouble::Disk("a".parse().unwrap()));
    lab.inside("n1", "echo before > /var/lib/kubelet/before");
    lab.trouble(&full, true);
    let refused = |command: &str| {
        let script = format!("LC_ALL=C sh -c '{command}' 2>&1 | grep -q 'No space left on device'");
        lab.inside("n1", &script);
    };
    for folder in ["containerd", "etcd", "kubelet"] {
        refused(&format!("touch /var/lib/{folder}/new"));
    }
    refused("mkdir /var/log/new");
    refused("echo more >> /var/lib/kubelet/before");
    assert_eq!(lab.inside("n1", "cat /var/lib/kubelet/before"), "before\n");
    lab.inside("n2", "touch /var/lib/kubelet/new");
    lab.assert_well(&n1);
    // Started anew, it is as full as before.
    let pid = lab.pid("machine/n1");
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    lab.apply(&n1);
    lab.assert_well(&n1);
    refused("touch /var/lib/etcd/new");
    // Somebody was killed on the way.
    lab.inside("n1", "umount /run/steading-full/done");
    assert_eq!(
        lab.faults("machine/n1"),
        ["its disk is to be full, and is not"]
    );
    lab.apply(&n1);
    lab.assert_well(&n1);
    lab.trouble(&full, false);
    lab.inside(
        "n1",
        "touch /var/lib/kubelet/new /var/lib/containerd/new /var/log/new",
    );
    lab.inside("n1", "! grep -q steading-full /proc/self/mountinfo");
    lab.assert_well(&n1);
}

fn processors(lab: &Lab) {
    let n1 = lab.machine_on("a", 1);
    let slow = |percent| Trouble::Cpu {
        host: "a".parse().unwrap(),
        percent,
    };
    let quota = || {
        let group = drivers::container::Containers
            .host_group(&lab.scope, &"n1".parse().unwrap())
            .unwrap();
        let read = |path: String| std::fs::read_to_string(path).ok();
        let text = read(format!("/sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us"))
            .or_else(|| read(format!("/sys/fs/cgroup{group}/cpu.max")));
        let text = text.unwrap();
        text.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(quota(), "100000");
    lab.trouble(&slow(20), true);
    assert_eq!(quota(), "20000");
    lab.assert_well(&n1);
    // Another takes its place.
    lab.trouble(&slow(50), true);
    assert_eq!(quota(), "50000");
    assert_eq!(lab.driver.troubles(&lab.scope).len(), 1);
    let pid = lab.pid("machine/n1");
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    lab.apply(&n1);
    assert_eq!(quota(), "50000");
    lab.trouble(&slow(100), false);
    assert_eq!(quota(), "100000");
    lab.assert_well(&n1);
}
