//! Talos' words for a machine's network interfaces and taints: the same in talhelper's file and in
//! machine configurations.

use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{Taint, TaintEffect};
use serde_json::Value;

use crate::ImportError;
use crate::fields::Fields;
use crate::networks::Interface;

/// The interfaces in a list, and what of their fields has no place in a lab.
pub(crate) fn read(
    fields: &mut Fields,
    field: &str,
) -> Result<(Vec<Interface>, Vec<Fields>), ImportError> {
    let mut interfaces = Vec::new();
    let mut leftover = Vec::new();
    for mut one in fields.each(field)? {
        let mut interface = common(&mut one)?;
        interface.name = one.text("interface")?;
        let mut selector = one.fields("deviceSelector")?;
        if let Some(text) = selector.text("hardwareAddr")? {
            match text.parse() {
                Ok(mac) => interface.mac = Some(mac),
                // A pattern such as 00:50:56:* is no address.
                Err(_) => selector.put("hardwareAddr", Value::String(text)),
            }
        }
        one.put_back("deviceSelector", selector);
        interfaces.push(interface);
        for mut inner in one.each("vlans")? {
            let mut vlan = common(&mut inner)?;
            vlan.vlan = inner.small("vlanId")?;
            interfaces.push(vlan);
            leftover.push(inner);
        }
        leftover.push(one);
    }
    Ok((interfaces, leftover))
}

/// What physical interfaces and VLANs have in common.
fn common(fields: &mut Fields) -> Result<Interface, ImportError> {
    let mut interface = Interface {
        mtu: fields.small("mtu")?.filter(|mtu| *mtu > 0),
        dhcp: fields.flag("dhcp")? == Some(true),
        ..Interface::default()
    };
    let texts = fields.texts("addresses")?;
    let mut unknown = Vec::new();
    for text in texts {
        if text.contains("${") {
            unknown.push(Value::String(text));
            continue;
        }
        interface
            .addresses
            .push(range(&text).ok_or_else(|| ImportError::WrongType {
                place: fields.place_of("addresses"),
                wanted: "a list of addresses such as 10.0.0.61/24",
            })?);
    }
    if !unknown.is_empty() {
        fields.put("addresses", Value::Array(unknown));
    }
    let mut routes = Vec::new();
    for mut route in fields.each("routes")? {
        let network = route.text("network")?;
        let default = matches!(network.as_deref(), None | Some("0.0.0.0/0" | "::/0"));
        if default {
            let gateway: Option<IpAddr> = route.parsed("gateway", "an address")?;
            interface.gateways.extend(gateway);
        } else if let Some(network) = network {
            route.put("network", Value::String(network));
        }
        let rest = route.rest();
        if !rest.is_empty() {
            routes.push(Value::Object(rest));
        }
    }
    if !routes.is_empty() {
        fields.put("routes", Value::Array(routes));
    }
    let mut vip = fields.fields("vip")?;
    interface.vip = vip.parsed("ip", "an address")?;
    fields.put_back("vip", vip);
    Ok(interface)
}

/// An address with its prefix; one without stands for itself alone.
fn range(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A taint written as `KEY: VALUE:EFFECT`, with or without a value.
pub(crate) fn taint(place: &str, key: String, text: &str) -> Result<Taint, ImportError> {
    let (value, effect) = text.rsplit_once(':').unwrap_or(("", text));
    let effect = match effect {
        "NoSchedule" => TaintEffect::NoSchedule,
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => {
            return Err(ImportError::WrongType {
                place: place.to_owned(),
                wanted: "a map of taints such as key: value:NoSchedule",
            });
        }
    };
    Ok(Taint {
        key,
        value: Some(value.to_owned()).filter(|value| !value.is_empty()),
        effect,
    })
}
