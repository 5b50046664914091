//! From a world to what is drawn of it.

use model::lab::Lab;
use whatif::ids::{ClusterId, HostId, Id as _, LinkId, NodeId, SiteId, WorkloadId};
use whatif::semantics::Model;
use whatif::timeline::{Thing, name};
use whatif::world::{Element, Origin, World};

use super::{Cluster, Host, Kind, Network, Node, Of, Scene, Site, words};

pub(super) fn scene(lab: &Lab, model: &Model) -> Scene {
    let mut make = Make {
        lab,
        world: &model.world,
        scene: Scene {
            lab: model.world.name.clone(),
            ..Scene::default()
        },
        hosts: Vec::new(),
        places: Vec::new(),
    };
    make.sites();
    make.networks();
    make.storages();
    for cluster in make.world.clusters.ids() {
        make.cluster(cluster);
    }
    make.scene
}

struct Make<'a> {
    lab: &'a Lab,
    world: &'a World,
    scene: Scene,
    /// The part of each host, by its position in the world.
    hosts: Vec<usize>,
    /// The place of each site that is drawn.
    places: Vec<Option<SiteId>>,
}

impl Make<'_> {
    fn element(&self, element: Element, thing: Option<Thing>) -> Of {
        let thing = thing.map(|thing| name(self.world, thing));
        Of::Element(self.world.element(element), thing)
    }

    fn sites(&mut self) {
        let world = self.world;
        self.hosts = vec![0; world.hosts.len()];
        let places = world.sites.ids().map(Some).chain([None]);
        for place in places {
            let here = world.hosts.iter().filter(|(_, host)| host.site == place);
            let hosts: Vec<Host> = here
                .map(|(id, _)| id)
                .collect::<Vec<_>>()
                .into_iter()
                .map(|id| self.host(id))
                .collect();
            if hosts.is_empty() {
                continue;
            }
            let name = place.map(|at| {
                let site = &world.sites[at];
                if site.top == at {
                    site.name.clone()
                } else {
                    format!("{} in {}", site.name, world.sites[site.top].name)
                }
            });
            // Hosts of no place stand in one without a name, or elsewhere.
            let name = name.or_else(|| (!world.sites.is_empty()).then(|| "elsewhere".to_owned()));
            self.scene.sites.push(Site {
                name,
                uplink: None,
                hosts,
            });
            self.places.push(place);
        }
    }

    fn host(&mut self, id: HostId) -> Host {
        let world = self.world;
        let host = &world.hosts[id];
        let declared = self.lab.hosts.get(host.name.as_str());
        let lines = declared.map_or_else(Vec::new, words::host);
        let on = words::when_on(&host.availability);
        let mut about = lines.clone();
        about.extend(on.clone());
        let of = self.element(Element::Host(id), None);
        let part = self
            .scene
            .push(Kind::Host, host.name.clone(), about.join(", "), of);
        self.hosts[id.index()] = part;
        let disks = world.disks.iter().filter(|(_, disk)| disk.host == id);
        let disks: Vec<usize> = disks
            .map(|(at, disk)| {
                let about = words::disk(declared, &disk.name);
                let of = self.element(Element::Disk(at), None);
                self.scene.push(Kind::Disk, disk.name.clone(), about, of)
            })
            .collect();
        let nodes = world.nodes_on(id).map(|node| self.node(node)).collect();
        Host {
            part,
            on,
            lines,
            disks,
            nodes,
        }
    }

    fn node(&mut self, id: NodeId) -> Node {
        let world = self.world;
        let node = &world.nodes[id];
        let declared = self.lab.nodes.get(node.name.as_str());
        let line = words::node(node.control_plane, declared);
        let about = format!(
            "{line}, of the cluster {}",
            world.clusters[node.cluster].name
        );
        let of = self.element(Element::Node(id), None);
        let part = self.scene.push(Kind::Node, node.name.clone(), about, of);
        let here = |workload: &whatif::world::Workload| {
            let only = workload.nodes.len() == 1 && workload.nodes.has(id);
            only || workload.at.contains(&id)
        };
        let workloads = world.workloads.iter().filter(|(_, one)| here(one));
        let pods = workloads.map(|(id, _)| self.workload(id)).collect();
        Node { part, line, pods }
    }

    fn networks(&mut self) {
        for id in self.world.links.ids() {
            let uplink = self
                .world
                .sites
                .iter()
                .any(|(_, site)| site.uplink == Some(id));
            let link = &self.world.links[id];
            let declared = self.lab.networks.get(link.name.as_str());
            let kind = match (link.overlay, uplink) {
                (true, _) => Kind::Overlay,
                (false, true) => Kind::Uplink,
                (false, false) => Kind::Network,
            };
            let line = words::network(kind, declared);
            let of = self.element(Element::Link(id), Some(Thing::Link(id)));
            let part = self.scene.push(kind, link.name.clone(), line.clone(), of);
            let hosts = self.members(id);
            if hosts.is_empty() {
                let leads = |place: &Option<SiteId>| {
                    place.is_some_and(|at| self.world.sites[at].uplink == Some(id))
                };
                if let Some(at) = self.places.iter().position(leads) {
                    self.scene.sites[at].uplink = Some(part);
                }
            }
            let hosts = hosts.iter().map(|host| self.hosts[host.index()]).collect();
            self.scene.networks.push(Network { part, line, hosts });
        }
    }

    /// The hosts that have to do with a network: in it themselves, by a node, or as what it needs.
    fn members(&self, id: LinkId) -> Vec<HostId> {
        let link = &self.world.links[id];
        let special = [link.router, link.control];
        let by_node = |host: HostId| {
            let mut nodes = self.world.nodes_on(host);
            nodes.any(|node| self.world.nodes[node].links.contains(&id))
        };
        let all = self.world.hosts.iter().filter(|(host, one)| {
            one.links.contains(&id) || special.contains(&Some(*host)) || by_node(*host)
        });
        all.map(|(host, _)| host).collect()
    }

    fn storages(&mut self) {
        for id in self.world.storages.ids() {
            let storage = &self.world.storages[id];
            let about = words::storage(self.world, storage);
            let of = self.element(Element::Storage(id), Some(Thing::Storage(id)));
            let part = self
                .scene
                .push(Kind::Storage, storage.name.clone(), about, of);
            self.scene.storages.push(part);
        }
    }

    fn cluster(&mut self, id: ClusterId) {
        let world = self.world;
        let cluster = &world.clusters[id];
        let mut services = Vec::new();
        let told = [
            (Some(Thing::Api(id)), "API", words::endpoint(world, id)),
            (
                cluster.dns.map(|_| Thing::Dns(id)),
                "DNS",
                "answers for names inside of the cluster".to_owned(),
            ),
            (
                cluster.balancer.as_ref().map(|_| Thing::Addresses(id)),
                "addresses",
                words::balancer(world, id),
            ),
        ];
        for (thing, word, about) in told {
            if let Some(thing) = thing {
                let of = Of::Things(vec![name(world, thing)]);
                services.push(self.scene.push(Kind::Service, word.to_owned(), about, of));
            }
        }
        let mut of = |wanted: fn(Origin) -> bool| {
            let ids = world.workloads.iter();
            let ids = ids.filter(|(_, one)| one.cluster == id && wanted(one.origin));
            let ids: Vec<WorkloadId> = ids.map(|(id, _)| id).collect();
            ids.into_iter().map(|id| self.workload(id)).collect()
        };
        let components: Vec<usize> = of(|origin| origin != Origin::App);
        let apps: Vec<usize> = of(|origin| origin == Origin::App);
        let rows = [
            ("offers", services),
            ("components", components),
            ("apps", apps),
        ];
        let declared = self.lab.clusters.get(cluster.name.as_str());
        self.scene.clusters.push(Cluster {
            title: words::cluster(&cluster.name, declared),
            rows: rows
                .into_iter()
                .filter(|(_, row)| !row.is_empty())
                .collect(),
        });
    }

    fn workload(&mut self, id: WorkloadId) -> usize {
        let world = self.world;
        let workload = &world.workloads[id];
        let kind = match workload.origin {
            Origin::App => Kind::App,
            Origin::Component | Origin::System => Kind::Component,
        };
        let mut things = vec![name(world, Thing::Workload(id))];
        if workload.way.is_some() {
            things.push(name(world, Thing::Way(id)));
        }
        let mut shown = workload.name.clone();
        if workload.replicas > 1 {
            shown.push_str(&format!(" ×{}", workload.replicas));
        }
        let about = words::workload(world, id);
        self.scene.push(kind, shown, about, Of::Things(things))
    }
}
