//! Whatever a machine may tell, the lab file written for it parses, checks clean and says what the
//! machine told.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use import::probed::{self, Found, Machine, Proposal, Wanted};
use ipnet::Ipv4Net;
use model::lab::{Access, HostAddress, Lab};
use model::quantity::Bytes;
use model::source::Source;
use proptest::prelude::*;

fn interface() -> impl Strategy<Value = String> {
    let name = "(en|eth|br|wl|veth|docker|tun|wg)[0-9a-zA-Z.]{0,9}";
    let hardware = prop::option::of(any::<[u8; 6]>());
    let speed = prop_oneof![Just(-1_i64), Just(2_500), 0_i64..200_000];
    (name, any::<[bool; 2]>(), hardware, 1280_u16..9_217, speed).prop_map(
        |(name, [physical, wifi], mac, mtu, speed)| {
            let mac = mac.map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
            format!(
                "{name}{}{} mac={} mtu={mtu} speed={speed}",
                if physical { " physical" } else { "" },
                if wifi { " wifi" } else { "" },
                mac.unwrap_or_default()
            )
        },
    )
}

/// Ranges as they are at home, and some that crowd the private ones.
fn range() -> impl Strategy<Value = Ipv4Net> {
    let base = prop_oneof![
        Just([10, 0, 0, 0]),
        Just([10, 244, 0, 0]),
        Just([10, 96, 0, 0]),
        Just([10, 88, 0, 0]),
        Just([172, 16, 0, 0]),
        Just([192, 168, 0, 0]),
        any::<[u8; 4]>(),
    ];
    (base, any::<u16>(), 8_u8..=32).prop_map(|(base, low, length)| {
        let address = u32::from(Ipv4Addr::from(base)) | u32::from(low);
        Ipv4Net::new(Ipv4Addr::from(address), length).unwrap()
    })
}

fn hexadecimal(address: Ipv4Addr) -> String {
    format!("{:08X}", u32::from_le_bytes(address.octets()))
}

/// What the probe would print on some machine.
fn probe() -> impl Strategy<Value = String> {
    let nics = prop::collection::vec((interface(), prop::collection::vec(range(), 0..3)), 0..5);
    let disks = prop::collection::vec(
        ("(sd|nvme|vd|mmcblk|dm-)[a-z0-9]{1,6}", any::<u32>(), 0..2),
        0..5,
    );
    let usb = prop::collection::vec(("[0-9a-f]{4}:[0-9a-f]{4}", "\\PC{0,60}"), 0..4);
    let texts = ("\\PC{0,90}", "[a-zA-Z0-9.-]{0,70}", range());
    (any::<bool>(), 1_u32..300, 1_900_000_u64..1_000_000_000, nics, any::<bool>(), disks, usb, texts).prop_map(
        |(arm, cpus, memory, nics, gateway, disks, usb, (model, name, dns))| {
            let mut out = format!(
                "steading-probe 1\narch {}\nname {name}\ncpus {cpus}\nmemory {memory} kB\nmodel {model}\ndns {}\n",
                if arm { "aarch64" } else { "x86_64" },
                dns.addr()
            );
            for (nic, ranges) in nics {
                writeln!(out, "nic {nic}").unwrap();
                let name = nic.split(' ').next().unwrap();
                for range in ranges {
                    let (to, mask) = (hexadecimal(range.network()), hexadecimal(range.netmask()));
                    writeln!(out, "route {name} {to} 00000000 {mask}\naddress {}", range.addr()).unwrap();
                    if gateway {
                        let router = range.hosts().next().unwrap();
                        writeln!(out, "route {name} 00000000 {} 00000000", hexadecimal(router)).unwrap();
                    }
                }
            }
            for (name, sectors, rotational) in disks {
                writeln!(out, "disk {name} sectors={sectors} rotational={rotational} removable=0").unwrap();
            }
            for (id, product) in usb {
                writeln!(out, "usb {id} class=00,ff {product}").unwrap();
            }
            out + "gpu 0000:01:00.0 0x10de 0x2684\nend\n"
        },
    )
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let planes = prop::option::of(prop_oneof![Just(1_u8), Just(3), Just(5)]);
    let sizes = (
        prop::option::of(2_u32..64),
        prop::option::of(1_800_u64..9_000),
    );
    (planes, prop::option::of(0_u8..9), sizes, any::<bool>()).prop_map(
        |(control_planes, workers, (cpu, memory), app)| Wanted {
            name: "home".parse().unwrap(),
            control_planes,
            workers,
            cpu,
            memory: memory.map(Bytes::mebi),
            kubernetes: "1.36.3".to_owned(),
            app,
        },
    )
}

/// The lab as it is read from its file, which must be clean.
fn written(proposal: &Proposal) -> Lab {
    let text = proposal.text().unwrap();
    let source = Source {
        name: "lab.yaml".to_owned(),
        text: text.clone(),
    };
    let reading = model::read::read(&[source]);
    assert_eq!(reading.diagnostics, [], "{text}");
    let lab = reading.lab.unwrap();
    assert_eq!(lab, proposal.imported.lab);
    assert_eq!(check::check(&lab, &check::Facts::default()), [], "{text}");
    lab
}

/// What the file says of a machine is what the machine told.
fn compare(lab: &Lab, host: &str, machine: &Machine) {
    let host = &lab.hosts[host];
    assert_eq!(
        (host.arch, host.cpu, host.memory),
        (machine.arch, Some(machine.cpu), Some(machine.memory))
    );
    let disks: BTreeSet<Bytes> = host.disks.values().filter_map(|disk| disk.size).collect();
    assert_eq!(disks, machine.disks.iter().map(|disk| disk.size).collect());
    assert_eq!(host.disks.len(), machine.disks.len());
    assert_eq!(host.usb.len(), machine.usb.len());
    let physical = || machine.interfaces.iter().filter(|one| one.physical);
    let told: BTreeSet<_> = physical()
        .map(|one| (one.mac, one.speed, one.wifi))
        .collect();
    let kept: BTreeSet<_> = host
        .nics
        .values()
        .map(|nic| (nic.mac, nic.speed, nic.wifi))
        .collect();
    assert_eq!((kept, host.nics.len()), (told, physical().count()));
    for address in host.addresses.values().flat_map(HostAddress::fixed) {
        assert!(
            machine.addresses.iter().any(|own| address == *own),
            "{address}"
        );
    }
}

/// Ranges of the lab's own lie in nothing that a machine uses.
fn apart(lab: &Lab, machine: &Machine) {
    let cluster = &lab.clusters["main"];
    let nodes = lab.networks.get("nodes").map(|network| network.cidr);
    for own in [Some(cluster.pods), Some(cluster.services), nodes]
        .into_iter()
        .flatten()
    {
        for used in machine
            .routes
            .iter()
            .map(|route| route.to)
            .filter(|to| to.prefix_len() >= 8)
        {
            let used = ipnet::IpNet::V4(used);
            let own = own.first();
            assert!(
                !own.contains(&used.network()) && !used.contains(&own.network()),
                "{own} {used}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_machine_gets_a_clean_lab_or_a_reason(text in probe(), wanted in wanted(), kvm in "(?s).{0,90}") {
        let machine = probed::read(&text).unwrap();
        if let Ok(proposal) = probed::local(&machine, &wanted, &kvm) {
            let lab = written(&proposal);
            compare(&lab, "this-machine", &machine);
            apart(&lab, &machine);
            let planes = usize::from(wanted.control_planes.unwrap_or(1));
            prop_assert_eq!(lab.control_planes(&"main".parse().unwrap()).count(), planes);
            prop_assert_eq!(lab.apps.len(), usize::from(wanted.app));
        }
    }

    #[test]
    fn any_machines_become_hosts(texts in prop::collection::vec(probe(), 1..5), wanted in wanted()) {
        let machines: Vec<Machine> = texts.iter().map(|text| probed::read(text).unwrap()).collect();
        let found: Vec<Found> = machines
            .iter()
            .enumerate()
            .map(|(n, machine)| Found {
                name: format!("h{n}").parse().unwrap(),
                access: Access::Ssh(format!("root@h{n}")),
                machine: machine.clone(),
            })
            .collect();
        let unread = [("nas".parse().unwrap(), texts[0].clone())];
        if let Ok(proposal) = probed::remote(&found, &unread, &wanted) {
            let lab = written(&proposal);
            for (n, machine) in machines.iter().enumerate() {
                compare(&lab, &format!("h{n}"), machine);
                if !lab.clusters.is_empty() {
                    apart(&lab, machine);
                }
            }
            prop_assert!(lab.notes.contains_key("hosts.nas"));
        }
    }

    #[test]
    fn nothing_that_is_told_makes_it_panic(
        lines in prop::collection::vec("(arch|name|cpus|memory|model|nic|route|address|dns|disk|system|gpu|usb) (\\PC{0,40}|[0-9A-F =:.]{0,40})|\\PC{0,40}", 0..30)
    ) {
        let rest = lines.join("\n");
        let text = format!("steading-probe 1\narch x86_64\ncpus 2\nmemory 8000000 kB\n{rest}\nend\n");
        if let Ok(machine) = probed::read(&text) {
            let wanted = Wanted { name: "home".parse().unwrap(), control_planes: None, workers: None, cpu: None, memory: None, kubernetes: "1.36.3".to_owned(), app: true };
            if let Ok(proposal) = probed::local(&machine, &wanted, "") {
                written(&proposal);
            }
        }
        let _ = probed::read(&lines.join("\n"));
    }
}
