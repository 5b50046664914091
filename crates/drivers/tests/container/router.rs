//! The router of a replica: names, addresses, time, ways between networks, and none out.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::time::Duration;

use model::plan::Step;

use crate::lab::{Image, Lab};
use crate::life::teardown;

pub fn a_router_serves_its_networks(image: &Image) {
    let lab = Lab::new(image, 8);
    let (lan, guest) = (lab.routed("lan", 88), lab.routed("guest", 89));
    let router = lab.router(serde_json::json!({
        "links": {
            "lan": {
                "address": "10.88.0.1/24", "mtu": 1400, "zone": "home.arpa",
                "dhcp": {
                    "ranges": ["10.88.0.200-10.88.0.201"],
                    "reservations": {
                        "pi": { "address": "10.88.0.40", "mac": "dc:a6:32:00:00:11" }
                    }
                }
            },
            "guest": { "address": "10.89.0.1/24", "mtu": 1500, "closed_to": ["lan"] }
        },
        "names": { "pi.home.arpa": ["10.88.0.40"], "pi": ["10.88.0.40"] }
    }));
    let (inner, outer) = (
        lab.machine_in("inner", "lan", 88),
        lab.machine_in("outer", "guest", 89),
    );
    for step in [&lan, &guest, &router, &inner, &outer] {
        lab.apply(step);
        lab.assert_well(step);
    }
    names_and_time(&lab);
    addresses(&lab);
    ways(&lab);
    nothing_gets_out(&lab);

    // Its programs come back by themselves; what cannot is made anew.
    let pid = lab.pid("router/replica");
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(!lab.faults("router/replica").is_empty());
    lab.apply(&router);
    lab.assert_well(&router);
    ways(&lab);
    leads_out_only_if_declared(&lab, &router);
    let inotify = "ls -l /proc/[0-9]*/fd | grep -c anon_inode:inotify";
    let count = Command::new("nsenter")
        .args(["--target", &lab.pid("router/replica"), "--mount", "--pid"])
        .args(["--root", "--wd=/", "sh", "-c", inotify])
        .output()
        .unwrap();
    let count = String::from_utf8(count.stdout).unwrap();
    assert_eq!(count.trim(), "0", "inotify instances are scarce");
    teardown(&lab, &[&inner, &outer, &router, &lan, &guest]);
}

/// With an uplink, and only then, this machine is reached by its own addresses; never by loopback.
fn leads_out_only_if_declared(lab: &Lab, router: &Step) {
    let Some(mine) = own_addresses().into_iter().next() else {
        return;
    };
    let here = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = here.local_addr().unwrap().port();
    let connect = |to: &str| {
        format!("socat -u OPEN:/dev/null TCP:{to}:{port},connect-timeout=3 2> /dev/null")
    };
    lab.inside("inner", &format!("! {}", connect(&mine)));
    let mut spec = serde_json::to_value(&router.resource.spec).unwrap()["router"].clone();
    spec["uplink"] = true.into();
    let open = lab.router(spec);
    lab.apply(&open);
    lab.assert_well(&open);
    lab.inside("inner", &connect(&mine));
    lab.inside("outer", &connect(&mine));
    lab.inside("inner", &format!("! {}", connect("198.18.53.2")));
    lab.apply(router);
    lab.assert_well(router);
    lab.inside("inner", &format!("! {}", connect(&mine)));
}

/// The addresses of this machine, beside loopback's.
fn own_addresses() -> Vec<String> {
    let told = Command::new("ip")
        .args(["-o", "-4", "address"])
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let addresses = told
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3)?.split('/').next());
    let beyond = addresses.filter(|address| !address.starts_with("127."));
    beyond.map(str::to_owned).collect()
}

fn names_and_time(lab: &Lab) {
    for name in ["pi", "pi.home.arpa"] {
        let told = lab.inside("inner", &format!("getent ahostsv4 {name}"));
        assert!(told.starts_with("10.88.0.40 "), "{name}: {told}");
    }
    lab.inside("inner", "! getent ahostsv4 other.home.arpa");
    lab.inside("inner", "! getent ahostsv4 example.com");
    for (machine, gateway) in [("inner", "10.88.0.1"), ("outer", "10.89.0.1")] {
        let ask = format!("chronyd -Q -t 10 'server {gateway} iburst maxsamples 1' 2>&1");
        let told = lab.inside(machine, &ask);
        assert!(told.contains("System clock wrong by"), "{machine}: {told}");
    }
}

/// A DHCPDISCOVER (RFC 2131) of that hardware address, for an answer to everybody.
fn discover(mac: [u8; 6]) -> Vec<u8> {
    let mut packet = vec![1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x80, 0];
    packet.resize(28, 0);
    packet.extend(mac);
    packet.resize(236, 0);
    packet.extend([99, 130, 83, 99, 53, 1, 1, 55, 4, 1, 3, 26, 42, 255]);
    packet.resize(300, 0);
    packet
}

fn addresses(lab: &Lab) {
    let offered = |mac| {
        let octal: Vec<String> = discover(mac)
            .iter()
            .map(|byte| format!("\\{byte:03o}"))
            .collect();
        let ask = format!(
            "printf '{}' | socat -t 3 - UDP4-DATAGRAM:255.255.255.255:67,broadcast,bind=0.0.0.0:68,so-bindtodevice=eth0 | od -An -v -tu1 -w1000",
            octal.concat()
        );
        let told = lab.inside("inner", &ask);
        let bytes: Vec<u8> = told
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        assert!(bytes.len() > 240, "no offer: {told}");
        bytes
    };
    let kept = offered([0xdc, 0xa6, 0x32, 0, 0, 0x11]);
    assert_eq!(kept[16..20], [10, 88, 0, 40]);
    let options = &kept[240..];
    let has = |option: &[u8]| options.windows(option.len()).any(|one| one == option);
    assert!(has(&[3, 4, 10, 88, 0, 1]), "the router: {options:?}");
    assert!(has(&[42, 4, 10, 88, 0, 1]), "the time: {options:?}");
    assert!(has(&[26, 2, 5, 120]), "the MTU 1400: {options:?}");
    let other = offered([2, 0, 0, 0, 0, 1]);
    assert_eq!(other[16..19], [10, 88, 0]);
    assert!((200..=201).contains(&other[19]), "{other:?}");
}

fn ways(lab: &Lab) {
    let reach =
        |to: &str| format!("socat -u TCP:{to}:80,connect-timeout=2 - 2>&1 | grep -q refused");
    lab.inside("inner", &reach("10.89.0.11"));
    lab.inside("outer", &reach("10.89.0.1"));
    lab.inside("outer", &format!("! {}", reach("10.88.0.11")));
    lab.inside("outer", &format!("! {}", reach("10.88.0.1")));
}

/// Nothing reaches this machine's own addresses, nor anything beyond.
fn nothing_gets_out(lab: &Lab) {
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    let pid = lab.pid("router/replica");
    let its = std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_ne!(own, its);
    let net = format!("--net=/proc/{pid}/ns/net");
    let ip = |words: &[&str]| {
        let output = Command::new("nsenter")
            .arg(&net)
            .arg("ip")
            .args(words)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(ip(&["route", "show", "default"]), "");
    let links = ip(&["-o", "link"]);
    assert_eq!(links.lines().count(), 3, "itself and two networks: {links}");

    let here = UdpSocket::bind("0.0.0.0:0").unwrap();
    here.set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let port = here.local_addr().unwrap().port();
    let beyond = ["192.0.2.1", "255.255.255.255", "224.0.0.1"].map(str::to_owned);
    for address in own_addresses().into_iter().chain(beyond) {
        let send =
            format!("echo out | socat -t 0.2 - UDP4-DATAGRAM:{address}:{port},broadcast || true");
        lab.inside("inner", &send);
        let connect = format!("! socat -u TCP:{address}:{port},connect-timeout=1 - 2> /dev/null");
        lab.inside("inner", &connect);
    }
    let mut buffer = [0; 16];
    assert!(here.recv_from(&mut buffer).is_err(), "a packet got out");
}
