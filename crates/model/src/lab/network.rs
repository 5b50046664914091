//! Networks: LANs, VLANs, Wi-Fi, overlays and tunnels, with what serves them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretRef;
use crate::dual::Dual;
use crate::name::Name;
use crate::range::AddressRange;

/// A network that hosts and nodes are attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Network {
    /// The site that it belongs to. Overlays span sites and name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"attic")]
    pub site: Option<Name>,
    /// Its address range, such as `10.0.0.0/24`; or a list of one for IPv4 and one for IPv6.
    #[schemars(example = "10.0.0.0/24")]
    pub cidr: Dual<IpNet>,
    /// The address of its router. Default: the first address of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10.0.0.1")]
    pub gateway: Option<Dual<IpAddr>>,
    /// The host that routes it, if it is one of the lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub router: Option<Name>,
    /// The largest packet that it carries, in bytes. Default: 1500; for an overlay what its kind
    /// leaves of the network below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 576, max = 65_535))]
    #[schemars(example = 1500)]
    pub mtu: Option<u16>,
    /// The network whose cables or radio carry it: the LAN of a VLAN, the uplink of an overlay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub over: Option<Name>,
    /// Its VLAN number on `over` (IEEE 802.1Q).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4094))]
    #[schemars(example = 20)]
    pub vlan: Option<u16>,
    /// It is, or also is, a wireless network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wifi: Option<Wifi>,
    /// It is made of encrypted or encapsulated links between its members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Overlay>,
    /// How addresses are handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<Dhcp>,
    /// Names in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// Networks that its members must not reach. Holds only where `firewall` enforces it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["lan"]))]
    pub isolated_from: Vec<Name>,
    /// It is an uplink to the internet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uplink: bool,
}

/// Ethernet's payload size (IEEE 802.3), in bytes.
pub const ETHERNET_MTU: u16 = 1500;

impl Network {
    /// The routers' addresses: declared, or the first address of each range. An overlay has none
    /// unless it says so: its members route.
    #[must_use]
    pub fn routers(&self) -> Vec<IpAddr> {
        match &self.gateway {
            Some(declared) => declared.iter().collect(),
            None if self.overlay.is_some() => Vec::new(),
            None => self
                .cidr
                .iter()
                .filter_map(|range| range.hosts().next())
                .collect(),
        }
    }

    /// The router's address that counts where only one can.
    #[must_use]
    pub fn router_address(&self) -> Option<IpAddr> {
        self.routers().into_iter().next()
    }
}

/// A wireless network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wifi {
    /// Its name on the air.
    #[schemars(example = &"home")]
    pub ssid: String,
    /// The host that serves as access point, if it is one of the lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub access_point: Option<Name>,
    /// Its passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretRef>,
}

/// A network made of links between its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlay {
    /// Tailscale with its own coordination service.
    Tailscale(Tailscale),
    /// Tailscale's clients with a headscale server of the lab's own.
    Headscale(Headscale),
    /// WireGuard, each peer configured.
    Wireguard(Wireguard),
    /// A tunnel between two ends that carries plain packets.
    Tunnel(Tunnel),
}

impl Overlay {
    /// Bytes that it adds to each packet over IPv4 or IPv6.
    ///
    /// `WireGuard`: outer header (20 or 40), UDP (8), type, key and counter (16), authentication tag
    /// (16): 60 or 80 (its white paper, section 5.4.6); Tailscale's clients speak it. 6in4: the
    /// outer IPv4 header, 20 (RFC 4213). GRE: 4 more (RFC 2784). IPIP: 20 (RFC 2003).
    #[must_use]
    pub const fn overhead(&self, v6: bool) -> u16 {
        let outer = if v6 { 40 } else { 20 };
        match self {
            Self::Tailscale(_) | Self::Headscale(_) | Self::Wireguard(_) => outer + 40,
            Self::Tunnel(tunnel) => match tunnel.kind {
                TunnelKind::Gre => outer + 4,
                TunnelKind::SixInFour | TunnelKind::Ipip => outer,
            },
        }
    }

    /// The MTU that its software sets where nothing is declared, if it sets one. Source:
    /// Tailscale sets 1280 on every interface (its `tstun` package, `DefaultTUNMTU`).
    #[must_use]
    pub const fn preset_mtu(&self) -> Option<u16> {
        match self {
            Self::Tailscale(_) | Self::Headscale(_) => Some(1280),
            Self::Wireguard(_) | Self::Tunnel(_) => None,
        }
    }
}

/// Tailscale.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tailscale {
    /// The tailnet's name, such as `example.ts.net`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "example.ts.net")]
    pub tailnet: Option<String>,
    /// The key that machines join with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinKey>,
    /// Ranges behind members that they route for the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<Name, Vec<IpNet>>,
}

/// A headscale server of the lab's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Headscale {
    /// Where members reach the server.
    #[schemars(example = "https://headscale.example.net")]
    pub url: String,
    /// The host that runs it, if it is one of the lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub on: Option<Name>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "0.28.0")]
    pub version: Option<String>,
    /// The key that machines join with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinKey>,
    /// Ranges behind members that they route for the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<Name, Vec<IpNet>>,
}

/// A key that machines join an overlay with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JoinKey {
    /// The key itself. Default: made for each machine when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// How long a key is valid, such as `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<crate::duration::Period>,
    /// It is written into the machine's configuration, where it stays after it has expired.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baked_in: bool,
}

/// WireGuard with configured peers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wireguard {
    /// The host that the others connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub server: Option<Name>,
    /// The UDP port that it listens on. Default: 51820.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 51820)]
    pub port: Option<u16>,
}

/// A tunnel that carries plain packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tunnel {
    /// How packets are wrapped.
    pub kind: TunnelKind,
    /// The address of the other end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "203.0.113.7")]
    pub remote: Option<IpAddr>,
    /// The range that the other end routes here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    #[schemars(example = "203.0.113.8/29")]
    pub routed: Option<IpNet>,
}

/// How a tunnel wraps packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TunnelKind {
    /// IPv6 in IPv4 (RFC 4213).
    #[serde(rename = "6in4")]
    SixInFour,
    /// IP in IP (RFC 2003).
    #[serde(rename = "ipip")]
    Ipip,
    /// GRE (RFC 2784).
    #[serde(rename = "gre")]
    Gre,
}

/// How addresses of a network are handed out. Hosts and nodes that name an address and a MAC get
/// it reserved; nothing has to be written twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dhcp {
    /// The host that serves it. Default: the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub server: Option<Name>,
    /// Ranges that are handed out to whoever asks, such as `10.0.0.200-10.0.0.250`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<AddressRange>,
    /// Addresses kept for things that are no hosts or nodes of the lab, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reservations: BTreeMap<Name, Reservation>,
}

/// An address kept for one MAC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reservation {
    /// The address.
    #[schemars(example = "10.0.0.50")]
    pub address: IpAddr,
    /// The MAC that gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "aa:bb:cc:dd:ee:ff")]
    pub mac: Option<super::host::Mac>,
}

/// Names in a network. Hosts and nodes get theirs by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dns {
    /// The zone, such as `home.example.net`.
    #[schemars(example = "home.example.net")]
    pub zone: String,
    /// The host that answers for it. Default: the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub server: Option<Name>,
    /// Further names, each with its address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "printer": "10.0.0.9" }))]
    pub records: BTreeMap<String, IpAddr>,
    /// Zones that are asked elsewhere: zone to server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "corp.example.net": "10.0.8.1" }))]
    pub forward: BTreeMap<String, IpAddr>,
    /// Where everything else is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["9.9.9.9"]))]
    pub upstream: Vec<String>,
    /// Records are changed by DHCP while it runs, so the zone's file must not be overwritten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dynamic: bool,
}
