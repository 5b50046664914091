//! A lab far larger than anybody's, of the same make as real ones: houses, each with its networks,
//! hosts, cluster, storage, apps and what stands around them.

use std::fmt::Write as _;

use model::source::Source;

/// What one house declares, counted as entries of sections and lists.
pub const PER_HOUSE: usize = 100;

const HOSTS: usize = 20;
const APPS: usize = 25;
const WATCHED: usize = 12;
/// So many houses stand in one file.
const PER_FILE: usize = 10;

/// The files of a lab with that many houses, at most 200. No rule finds anything in it.
#[must_use]
pub fn lab(houses: usize) -> Vec<Source> {
    let mut sources = vec![Source::new("lab.yaml", whole(houses).into_bytes())];
    for first in (0..houses).step_by(PER_FILE) {
        let mut sections = Sections::default();
        for house in first..(first + PER_FILE).min(houses) {
            sections.house(house);
        }
        let name = format!("houses-{first:03}.yaml");
        sources.push(Source::new(name, sections.text().into_bytes()));
    }
    sources
}

/// Lists stand in one file: their order counts.
fn whole(houses: usize) -> String {
    let mut firewall = String::new();
    let mut promises = String::new();
    for h in 0..houses {
        writeln!(
            firewall,
            "  - {{ on: h{h}-router, from: h{h}-guest, to: h{h}-lan, action: drop }}"
        )
        .unwrap_or_default();
        writeln!(
            promises,
            "  - {{ when: {{ off: h{h}-host-19 }}, stays: [ api ], because: it is not needed }}"
        )
        .unwrap_or_default();
    }
    format!("lab: large\nfirewall:\n{firewall}promises:\n{promises}")
}

/// The entries of a file, section by section.
#[derive(Default)]
struct Sections(Vec<(&'static str, String)>);

impl Sections {
    fn add(&mut self, section: &'static str, entry: &str) {
        let place = self.0.iter().position(|(name, _)| *name == section);
        let place = place.unwrap_or_else(|| {
            self.0.push((section, String::new()));
            self.0.len() - 1
        });
        if let Some((_, text)) = self.0.get_mut(place) {
            text.push_str("  ");
            text.push_str(entry);
            text.push('\n');
        }
    }

    fn text(&self) -> String {
        let sections = self.0.iter();
        sections
            .map(|(name, entries)| format!("{name}:\n{entries}"))
            .collect()
    }

    fn house(&mut self, h: usize) {
        self.add("sites", &format!("h{h}: {{}}"));
        self.networks(h);
        self.machines(h);
        self.add("clusters", &format!(
            "h{h}: {{ distribution: {{ talos: {{ version: 1.12.4, kubernetes: 1.36.2 }} }}, endpoint: {{ vip: 10.{h}.0.10 }}, pods: 10.{h}.128.0/17, services: 10.{h}.64.0/18, network: h{h}-lan, cni: {{ cilium: {{ encapsulation: none, l2: true, load-balancer: [ 10.{h}.0.200-10.{h}.0.239 ] }} }} }}"
        ));
        self.add("storage", &format!(
            "h{h}-ceph: {{ rook: {{ cluster: h{h}, monitors: 3, osds: [ h{h}-host-0.sda, h{h}-host-1.sda, h{h}-host-2.sda ], pools: {{ block: {{ replicas: 3, min-replicas: 2 }} }}, classes: {{ fast: {{ default: true, pool: block }} }} }} }}"
        ));
        self.add("storage", &format!(
            "h{h}-b2: {{ object: {{ provider: b2, bucket: h{h}, key: {{ secret: h{h}-key-0 }} }} }}"
        ));
        self.workloads(h);
        self.around(h);
    }

    fn networks(&mut self, h: usize) {
        self.add("networks", &format!(
            "h{h}-lan: {{ site: h{h}, cidr: 10.{h}.0.0/24, gateway: 10.{h}.0.1, router: h{h}-router, dhcp: {{ server: h{h}-router, ranges: [ 10.{h}.0.240-10.{h}.0.250 ] }}, dns: {{ zone: h{h}.example.net, server: h{h}-router, records: {{ api: 10.{h}.0.10 }} }} }}"
        ));
        self.add("networks", &format!(
            "h{h}-guest: {{ site: h{h}, cidr: 10.{h}.1.0/24, router: h{h}-router, over: h{h}-lan, vlan: 9, isolated-from: [ h{h}-lan ] }}"
        ));
        self.add("networks", &format!(
            "h{h}-things: {{ site: h{h}, cidr: 10.{h}.2.0/24, router: h{h}-router, over: h{h}-lan, vlan: 10 }}"
        ));
    }

    fn machines(&mut self, h: usize) {
        self.add("hosts", &format!(
            "h{h}-router: {{ site: h{h}, addresses: {{ h{h}-lan: 10.{h}.0.1, h{h}-guest: 10.{h}.1.1, h{h}-things: 10.{h}.2.1 }}, runs: [ router, dhcp, dns ] }}"
        ));
        for n in 0..HOSTS {
            let (host, node) = (20 + n, 100 + n);
            self.add("hosts", &format!(
                "h{h}-host-{n}: {{ site: h{h}, model: Intel N100, cpu: 8, memory: 32Gi, hypervisor: {{ qemu: {{}} }}, addresses: {{ h{h}-lan: 10.{h}.0.{host} }}, disks: {{ nvme0: {{ kind: nvme, roles: [ system ] }}, sda: {{ kind: ssd, roles: [ osd ] }} }} }}"
            ));
            let role = if n < 3 { "control-plane" } else { "worker" };
            self.add("nodes", &format!(
                "h{h}-node-{n}: {{ cluster: h{h}, role: {role}, on: h{h}-host-{n}, vm: {{ cpu: 4, memory: 8Gi }}, address: 10.{h}.0.{node}, labels: {{ disk: fast, rack: r{n} }} }}"
            ));
        }
    }

    fn workloads(&mut self, h: usize) {
        for (n, entry) in ["cert-manager", "cloudflared", "external-dns", "reloader"]
            .iter()
            .enumerate()
        {
            self.add(
                "components",
                &format!("h{h}-{n}: {{ catalog: {entry}, cluster: h{h} }}"),
            );
        }
        self.add(
            "components",
            &format!(
                "h{h}-ingress: {{ catalog: envoy-gateway, cluster: h{h}, address: 10.{h}.0.200 }}"
            ),
        );
        for n in 0..APPS {
            self.add("apps", &format!(
                "h{h}-app-{n}: {{ cluster: h{h}, chart: {{ name: app-{n}, repository: https://charts.example.net, version: 1.2.{n} }}, volumes: {{ config: {{ class: h{h}-ceph.fast, size: 5Gi }} }}, requests: {{ millicpu: 100, memory: 256Mi }}, placement: {{ labels: {{ disk: fast }} }}, secrets: [ h{h}-key-1 ], expose: {{ ingress: {{ host: app-{n}.h{h}.example.net, by: h{h}-ingress }} }} }}"
            ));
        }
    }

    fn around(&mut self, h: usize) {
        self.add(
            "images",
            &format!("h{h}-tools: {{ packages: [ nftables ] }}"),
        );
        for n in 0..4 {
            self.add(
                "secrets",
                &format!("h{h}-key-{n}: {{ sops: secrets/h{h}.sops.yaml, field: key-{n} }}"),
            );
        }
        for (user, access) in [("owner", "admin"), ("guest", "view")] {
            self.add(
                "users",
                &format!(
                    "h{h}-{user}: {{ clusters: {{ h{h}: {access} }}, hosts: [ h{h}-host-0 ] }}"
                ),
            );
        }
        for n in 0..WATCHED {
            self.add("observability", &format!(
                "h{h}-host-{n}: {{ kind: host, host: h{h}-host-{n}, signals: [ metrics, logs ] }}"
            ));
        }
        self.add("backups", &format!(
            "h{h}-nightly: {{ of: [ volumes, etcd ], to: {{ storage: h{h}-b2 }}, at: \"02:00\", keep: 30d, restore-test: weekly }}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use model::read::read;

    use super::*;

    #[test]
    fn it_has_as_much_as_it_says_and_nothing_wrong() {
        let houses = 20;
        let reading = read(&lab(houses));
        assert_eq!(reading.diagnostics, []);
        let lab = reading.lab.unwrap();
        let found = check::check(&lab, &check::Facts::default());
        assert_eq!(found, []);
        let json = serde_json::to_value(&lab).unwrap();
        let sections = json.as_object().unwrap().values();
        let entries: usize = sections
            .map(|section| {
                section.as_object().map_or(0, serde_json::Map::len)
                    + section.as_array().map_or(0, Vec::len)
            })
            .sum();
        assert_eq!(entries, houses * PER_HOUSE);
    }
}
