//! Networks.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A network that hosts and nodes are attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The site that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// Its address range, such as `10.0.0.0/24`.
    #[schemars(with = "String", example = "10.0.0.0/24")]
    pub cidr: IpNet,
    /// The address of its router. Default: the first address of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// The largest packet that it carries, in bytes. Default: 1500.
    #[serde(default = "ethernet_mtu")]
    #[schemars(range(min = 576, max = 65_535))]
    pub mtu: u16,
}

/// Ethernet's payload size (IEEE 802.3).
const fn ethernet_mtu() -> u16 {
    1500
}

impl Network {
    /// The router's address: declared, or the first address of the range.
    #[must_use]
    pub fn router(&self) -> Option<IpAddr> {
        self.gateway.or_else(|| self.cidr.hosts().next())
    }
}
