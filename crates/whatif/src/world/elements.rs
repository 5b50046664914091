//! What can fail, by number.

use super::{Element, Failure, World};
use crate::bits::Bits;
use crate::ids::{ElementId, HostId, Id as _, NodeId, Table};

impl World {
    /// Numbers what can fail. To be called after hosts, disks, links, nodes or storages change.
    pub fn number_elements(&mut self) {
        self.elements = Table::default();
        for host in self.hosts.ids() {
            self.elements.push(Element::Host(host));
        }
        for disk in self.disks.ids() {
            self.elements.push(Element::Disk(disk));
        }
        for link in self.links.ids() {
            self.elements.push(Element::Link(link));
        }
        for node in self.nodes.ids() {
            self.elements.push(Element::Node(node));
        }
        for storage in self.storages.ids() {
            self.elements.push(Element::Storage(storage));
        }
    }

    /// The number of something that can fail.
    #[must_use]
    pub fn element(&self, of: Element) -> ElementId {
        let disks = self.hosts.len();
        let links = disks + self.disks.len();
        let nodes = links + self.links.len();
        let storages = nodes + self.nodes.len();
        ElementId::at(match of {
            Element::Host(host) => host.index(),
            Element::Disk(disk) => disks + disk.index(),
            Element::Link(link) => links + link.index(),
            Element::Node(node) => nodes + node.index(),
            Element::Storage(storage) => storages + storage.index(),
        })
    }

    /// Nothing fails.
    #[must_use]
    pub fn no_failure(&self) -> Failure {
        Bits::none(self.elements.len())
    }

    /// These fail.
    #[must_use]
    pub fn failure(&self, of: impl IntoIterator<Item = Element>) -> Failure {
        Bits::of(
            self.elements.len(),
            of.into_iter().map(|element| self.element(element)),
        )
    }

    /// The name of something that can fail, as a person says it.
    #[must_use]
    pub fn called(&self, element: ElementId) -> String {
        match self.elements[element] {
            Element::Host(host) => self.hosts[host].name.clone(),
            Element::Disk(disk) => {
                let disk = &self.disks[disk];
                format!("{}.{}", self.hosts[disk.host].name, disk.name)
            }
            Element::Link(link) => format!("link:{}", self.links[link].name),
            Element::Node(node) => self.nodes[node].name.clone(),
            Element::Storage(storage) => self.storages[storage].name.clone(),
        }
    }

    /// The nodes on a host.
    pub fn nodes_on(&self, host: HostId) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes
            .iter()
            .filter(move |(_, node)| node.host == host)
            .map(|(id, _)| id)
    }
}
