//! A generated lab of Talos nodes, written as a talconfig, comes back with the same nodes,
//! addresses, ranges and versions; and every lab file says what its lab says.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use import::{Files, Imported};
use model::lab::{Distribution, Endpoint, Lab, Role};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Wanted {
    third: u8,
    hosts: BTreeSet<u8>,
    planes: usize,
    talos: (u8, u8),
    kubernetes: (u8, u8),
    pods: u8,
    mtu: Option<u16>,
    vip: bool,
    labels: Vec<String>,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let versions = ((1_u8..20, 0_u8..20), (20_u8..50, 0_u8..20));
    let hosts = prop::collection::btree_set(2_u8..200, 1..9);
    let labels = prop::collection::vec("[ -~]{0,12}", 0..4);
    (
        any::<u8>(),
        hosts,
        1_usize..9,
        versions,
        any::<u8>(),
        prop::option::of(1280_u16..9001),
        any::<bool>(),
        labels,
    )
        .prop_map(
            |(third, hosts, planes, (talos, kubernetes), pods, mtu, vip, labels)| Wanted {
                planes: planes.min(hosts.len()),
                third,
                hosts,
                talos,
                kubernetes,
                pods,
                mtu,
                vip,
                labels,
            },
        )
}

impl Wanted {
    fn address(&self, host: u8) -> String {
        format!("10.1.{}.{host}", self.third)
    }

    fn endpoint(&self) -> String {
        if self.vip {
            self.address(250)
        } else {
            self.address(*self.hosts.first().unwrap())
        }
    }

    /// The talconfig of it.
    fn rendered(&self) -> String {
        let mut out = format!(
            "clusterName: generated\ntalosVersion: v1.{}.{}\nkubernetesVersion: 1.{}.{}\nendpoint: https://{}:6443\nclusterPodNets: [10.{}.0.0/16]\nclusterSvcNets: [172.16.0.0/16]\nnodes:\n",
            self.talos.0,
            self.talos.1,
            self.kubernetes.0,
            self.kubernetes.1,
            self.endpoint(),
            self.pods
        );
        for (position, host) in self.hosts.iter().enumerate() {
            let address = self.address(*host);
            let labels: serde_json::Map<String, serde_json::Value> = self
                .labels
                .iter()
                .enumerate()
                .map(|(n, text)| (format!("l{n}"), text.clone().into()))
                .collect();
            writeln!(out, "- hostname: n{host}\n  ipAddress: {address}\n  controlPlane: {}\n  nodeLabels: {}\n  networkInterfaces:\n  - interface: eth0\n    addresses: [{address}/24]\n    routes: [{{ network: 0.0.0.0/0, gateway: 10.1.{}.1 }}]", position < self.planes, serde_json::Value::Object(labels), self.third).unwrap();
            if let Some(mtu) = self.mtu {
                writeln!(out, "    mtu: {mtu}").unwrap();
            }
            if self.vip && position < self.planes {
                writeln!(out, "    vip: {{ ip: {} }}", self.address(250)).unwrap();
            }
        }
        out
    }

    fn compare(&self, lab: &Lab) {
        let names: BTreeSet<String> = lab.nodes.keys().map(ToString::to_string).collect();
        assert_eq!(
            names,
            self.hosts.iter().map(|host| format!("n{host}")).collect()
        );
        for (position, host) in self.hosts.iter().enumerate() {
            let node = &lab.nodes[format!("n{host}").as_str()];
            assert_eq!(node.address.unwrap().to_string(), self.address(*host));
            assert_eq!(node.role == Role::ControlPlane, position < self.planes);
            assert_eq!(node.on.as_str(), format!("n{host}"));
            assert!(lab.hosts.contains_key(&node.on));
            let labels: Vec<&str> = node.labels.values().map(String::as_str).collect();
            assert_eq!(labels, self.labels);
        }
        let network = &lab.networks["lan"];
        assert_eq!(
            network.cidr.to_string(),
            format!("10.1.{}.0/24", self.third)
        );
        assert_eq!(
            network.gateway.unwrap().to_string(),
            format!("10.1.{}.1", self.third)
        );
        assert_eq!(network.mtu, self.mtu);
        let cluster = &lab.clusters["generated"];
        assert_eq!(cluster.pods.to_string(), format!("10.{}.0.0/16", self.pods));
        assert_eq!(cluster.services.to_string(), "172.16.0.0/16");
        let Distribution::Talos(talos) = &cluster.distribution else {
            panic!("not Talos");
        };
        assert_eq!(
            talos.version,
            format!("1.{}.{}", self.talos.0, self.talos.1)
        );
        assert_eq!(
            talos.kubernetes,
            format!("1.{}.{}", self.kubernetes.0, self.kubernetes.1)
        );
        match cluster.endpoint.as_ref().unwrap() {
            Endpoint::Vip(vip) => assert!(self.vip && vip.to_string() == self.endpoint()),
            Endpoint::Node(name) => assert!(!self.vip && lab.nodes.contains_key(name)),
            Endpoint::Dns(name) => panic!("{name:?}"),
        }
        assert!(lab.notes.is_empty(), "{:?}", lab.notes);
    }
}

proptest! {
    #[test]
    fn a_lab_comes_back_from_its_talconfig(wanted in wanted()) {
        let files = Files::from([("talconfig.yaml".to_owned(), wanted.rendered())]);
        let imported = import::talhelper(&files).unwrap();
        wanted.compare(&imported.lab);
        // Written and read again it is the same, which text() itself refuses otherwise.
        imported.text("generated").unwrap();
    }

    #[test]
    fn every_text_survives_in_a_lab_file(
        notes in prop::collection::btree_map("\\PC{1,40}|[ -~\n]{1,60}", "(?s).{0,200}|[ -~\n]{0,200}|[-0-9.:eExo_]{0,9}|(true|null|no|~|<<|- a|a: b|# c)", 0..8)
    ) {
        let files = Files::from([("talconfig.yaml".to_owned(), "clusterName: a\nnodes: [{ hostname: n, ipAddress: 10.0.0.2 }]".to_owned())]);
        let Imported { mut lab, report } = import::talhelper(&files).unwrap();
        lab.notes = notes;
        Imported { lab, report }.text("generated").unwrap();
    }
}
