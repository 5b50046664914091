//! What a host is made of.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Service;
use crate::as_text::as_text;
use crate::name::Name;
use crate::quantity::Bytes;

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nic {
    /// Its hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "aa:bb:cc:dd:ee:ff")]
    pub mac: Option<Mac>,
    /// How fast it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "2.5G")]
    pub speed: Option<Speed>,
    /// The network that it is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub network: Option<Name>,
    /// It is a radio.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wifi: bool,
}

/// A disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Disk {
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "4T")]
    pub size: Option<Bytes>,
    /// How it stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DiskKind>,
    /// Where the operating system finds it, such as `/dev/disk/by-id/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "/dev/disk/by-id/ata-disk-1")]
    pub device: Option<String>,
    /// What it is used for. Several share it by partitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<DiskRole>,
}

/// How a disk stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKind {
    /// On rotating plates.
    Hdd,
    /// In flash, behind SATA or SAS.
    Ssd,
    /// In flash, on PCI Express.
    Nvme,
    /// On a memory card.
    Sd,
}

/// What a disk is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskRole {
    /// The operating system.
    System,
    /// A Ceph object storage daemon.
    Osd,
    /// A ZFS data vdev.
    Zfs,
    /// ZFS' second read cache.
    L2arc,
    /// ZFS' log of synchronous writes.
    Slog,
    /// Volumes of Kubernetes that stay on the node.
    Volumes,
}

/// A graphics processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Gpu {
    /// Who made it.
    pub vendor: GpuVendor,
    /// Which one, such as `GTX 1050 Mobile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "GTX 1050 Mobile")]
    pub model: Option<String>,
}

/// Who made a graphics processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GpuVendor {
    /// Intel.
    Intel,
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
}

/// A USB device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UsbDevice {
    /// Vendor and product, such as `10c4:ea60`.
    #[schemars(example = "10c4:ea60")]
    pub id: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "Zigbee stick")]
    pub about: Option<String>,
    /// The service in `runs` of its host that uses it. Default: none, it is there for apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Service>,
}

/// A hardware address: six bytes, written `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// Why a text is no [`Mac`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a hardware address: write six pairs of hexadecimal digits, as aa:bb:cc:dd:ee:ff"
)]
pub struct InvalidMac {
    text: String,
}

impl FromStr for Mac {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidMac {
            text: text.chars().take(40).collect(),
        };
        let mut bytes = [0; 6];
        let mut pairs = text.split([':', '-']);
        for byte in &mut bytes {
            let pair = pairs
                .next()
                .filter(|pair| pair.len() == 2)
                .ok_or_else(invalid)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        match pairs.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(invalid()),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.map(|byte| format!("{byte:02x}"));
        f.write_str(&pairs.join(":"))
    }
}

/// How fast a network interface is, in bits a second: `1G`, `2.5G`, `10G`, `100M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Speed(pub u64);

/// Why a text is no [`Speed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a speed: write a number with M or G (bits a second), such as 2.5G")]
pub struct InvalidSpeed {
    text: String,
}

impl FromStr for Speed {
    type Err = InvalidSpeed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSpeed {
            text: text.chars().take(40).collect(),
        };
        let (number, unit) = match (text.strip_suffix('G'), text.strip_suffix('M')) {
            (Some(number), _) => (number, 1_000_000_000),
            (_, Some(number)) => (number, 1_000_000),
            _ => return Err(invalid()),
        };
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(tenths) || tenths.len() != 1 {
            return Err(invalid());
        }
        let tens: u64 = format!("{whole}{tenths}").parse().map_err(|_| invalid())?;
        tens.checked_mul(unit / 10).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, suffix) = if self.0 >= 1_000_000_000 {
            (1_000_000_000, 'G')
        } else {
            (1_000_000, 'M')
        };
        let (whole, tenths) = (self.0 / unit, self.0 % unit / (unit / 10));
        match tenths {
            0 => write!(f, "{whole}{suffix}"),
            tenths => write!(f, "{whole}.{tenths}{suffix}"),
        }
    }
}

as_text!(
    Mac,
    { "type": "string", "pattern": "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", "description": "A hardware address: aa:bb:cc:dd:ee:ff.", "examples": ["aa:bb:cc:dd:ee:ff"] }
);
as_text!(
    Speed,
    { "type": "string", "pattern": r"^[0-9]+(\.[0-9])?[MG]$", "description": "Bits a second: a number with M or G.", "examples": ["2.5G"] }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_in_one_notation() {
        let mac: Mac = "AA-bb-0c-DD-ee-ff".parse().unwrap();
        assert_eq!(mac.to_string(), "aa:bb:0c:dd:ee:ff");
        for bad in [
            "",
            "aa:bb:cc:dd:ee",
            "aa:bb:cc:dd:ee:ff:00",
            "aa:bb:cc:dd:ee:g0",
            "a:b:c:d:e:f",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn speeds_read_back() {
        for text in ["100M", "1G", "2.5G", "10G"] {
            assert_eq!(text.parse::<Speed>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "G",
            "10",
            "-1G",
            "1.25G",
            "1.G",
            "99999999999999999999G",
        ] {
            assert!(bad.parse::<Speed>().is_err(), "{bad:?}");
        }
    }
}
