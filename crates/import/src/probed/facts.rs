//! What a machine told of itself, read from the text of the probe. Nothing of it is trusted: every
//! text is cut and cleaned, every list is bounded.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use model::lab::{Arch, DiskKind, GpuVendor, Mac, Speed};
use model::quantity::Bytes;

/// No text of a machine is longer.
const LONGEST: usize = 80;
/// Nor are there more of one thing: a router may have a million routes.
const MOST: usize = 4_096;
/// Nor is the whole longer.
const MOST_BYTES: usize = 1 << 20;

/// Why the text of a probe tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// It does not begin or end as the probe does.
    #[error("the probe did not run to its end there: it needs a POSIX shell on Linux")]
    Incomplete,
    /// The machine has an architecture that nothing is built for.
    #[error("its architecture is {arch}; a lab has machines of x86_64 and aarch64")]
    Architecture {
        /// Its own word for it.
        arch: String,
    },
    /// Something that every Linux machine tells is missing.
    #[error("it does not tell its {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
}

/// A machine, as it tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its own name.
    pub name: String,
    /// Its architecture.
    pub arch: Arch,
    /// Its processor threads.
    pub cpu: u32,
    /// Its memory, in whole mebibytes: what the kernel has of it.
    pub memory: Bytes,
    /// What it is.
    pub model: Option<String>,
    /// Its network interfaces, virtual ones too.
    pub interfaces: Vec<InterfaceFacts>,
    /// Where packets go.
    pub routes: Vec<Route>,
    /// Its own addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The DNS servers that it asks.
    pub dns: Vec<Ipv4Addr>,
    /// Its disks.
    pub disks: Vec<DiskFacts>,
    /// Its graphics processors, of the makers that a lab knows.
    pub gpus: Vec<GpuVendor>,
    /// Its USB devices, without hubs, disks, keyboards and mice.
    pub usb: Vec<UsbFacts>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceFacts {
    /// The operating system's name for it.
    pub name: String,
    /// There is hardware behind it.
    pub physical: bool,
    /// It is a radio.
    pub wifi: bool,
    /// The bridge or bond that it is a part of.
    pub master: Option<String>,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// The largest packet.
    pub mtu: Option<u16>,
    /// How fast it is, where it is connected.
    pub speed: Option<Speed>,
}

/// Where packets to a range go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The interface.
    pub interface: String,
    /// The range.
    pub to: Ipv4Net,
    /// The router; `None` where they go directly.
    pub gateway: Option<Ipv4Addr>,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFacts {
    /// The operating system's name for it.
    pub name: String,
    /// Its size, as it is sold: in whole gigabytes.
    pub size: Bytes,
    /// How it stores, where that is known.
    pub kind: Option<DiskKind>,
    /// The operating system lies on it.
    pub system: bool,
}

/// A USB device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbFacts {
    /// Vendor and product.
    pub id: String,
    /// What it calls itself.
    pub product: String,
}

/// Reads what the probe printed. What stands before it, such as a greeting, is passed over.
///
/// # Errors
/// [`ProbeError`], where it is cut off or no machine for a lab.
pub fn read(text: &str) -> Result<Machine, ProbeError> {
    let lines = told(text).ok_or(ProbeError::Incomplete)?;
    let all = |key: &'static str| {
        lines
            .iter()
            .filter_map(move |line| Some(line.strip_prefix(key)?.strip_prefix(' ')?.trim()))
            .take(MOST)
    };
    let missing = |what| ProbeError::Missing { what };
    let first = |key, what| all(key).find(|rest| !rest.is_empty()).ok_or(missing(what));
    let arch = match first("arch", "architecture")? {
        "x86_64" | "amd64" => Arch::Amd64,
        "aarch64" | "arm64" => Arch::Arm64,
        other => {
            let arch = clean(other);
            return Err(ProbeError::Architecture { arch });
        }
    };
    let cpu = first("cpus", "processors")?.parse().ok();
    let system = all("system").next().unwrap_or_default();
    Ok(Machine {
        name: clean(all("name").next().unwrap_or_default()),
        arch,
        cpu: cpu.filter(|n| *n > 0).ok_or(missing("processors"))?,
        memory: memory(first("memory", "memory")?).ok_or(missing("memory"))?,
        model: all("model").find_map(model),
        interfaces: all("nic").filter_map(interface).collect(),
        routes: all("route").filter_map(route).collect(),
        addresses: unique(all("address").filter_map(|text| text.parse().ok())),
        dns: unique(all("dns").filter_map(|text| text.parse().ok())),
        disks: all("disk").filter_map(|rest| disk(rest, system)).collect(),
        gpus: all("gpu").filter_map(gpu).collect(),
        usb: all("usb").filter_map(usb).collect(),
    })
}

/// The lines of the probe itself, if it ran to its end.
fn told(text: &str) -> Option<Vec<&str>> {
    let begin = |line: &&str| line.trim_end() == "steading-probe 1";
    let mut lines = text
        .get(..text.len().min(MOST_BYTES))
        .unwrap_or(text)
        .lines()
        .skip_while(|line| !begin(line));
    lines.next()?;
    let mut found = Vec::new();
    for line in lines {
        if line.trim_end() == "end" {
            return Some(found);
        }
        found.push(line.trim_end());
    }
    None
}

/// A text of a machine as it may stand in a lab file: on one line, without control characters.
pub(super) fn clean(text: &str) -> String {
    clean_to(text, LONGEST)
}

/// The same for texts that may be longer.
pub(super) fn clean_to(text: &str, longest: usize) -> String {
    let visible = |c: char| {
        if c.is_control() || c == char::REPLACEMENT_CHARACTER {
            ' '
        } else {
            c
        }
    };
    let text: String = text.chars().take(4 * longest).map(visible).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let cut: String = words.join(" ").chars().take(longest).collect();
    cut.trim_end().to_owned()
}

fn unique(all: impl Iterator<Item = Ipv4Addr>) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// `16384256 kB`, as the kernel writes it.
fn memory(text: &str) -> Option<Bytes> {
    let kib: u64 = text.split(' ').next()?.parse().ok()?;
    Some(Bytes::mebi(kib / 1024)).filter(|bytes| bytes.0 > 0)
}

/// What a maker wrote, unless it is what makers write who wrote nothing.
fn model(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let nothing = [
        "o.e.m",
        "to be filled",
        "system product name",
        "default string",
    ];
    let text = clean(text);
    (!text.is_empty() && !nothing.iter().any(|one| lower.contains(one))).then_some(text)
}

/// The value of `KEY=VALUE` in a line.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

fn interface(line: &str) -> Option<InterfaceFacts> {
    let name = line.split(' ').next().filter(|name| *name != "lo")?;
    let has = |word: &str| line.split(' ').skip(1).any(|one| one == word);
    let mac = value(line, "mac").and_then(|text| text.parse().ok());
    Some(InterfaceFacts {
        name: clean(name),
        physical: has("physical"),
        wifi: has("wifi"),
        master: value(line, "master").map(clean),
        mac: mac.filter(|mac| *mac != Mac([0; 6])),
        mtu: value(line, "mtu").and_then(|text| text.parse().ok()),
        speed: value(line, "speed")
            .and_then(|text| text.parse().ok())
            .and_then(speed),
    })
}

/// A speed in megabits a second; the kernel says -1 or 4294967295 where it knows none.
fn speed(megabits: i64) -> Option<Speed> {
    let known = u64::try_from(megabits)
        .ok()
        .filter(|n| (1..=1_000_000).contains(n))?;
    // As a lab file writes it: with one digit behind the point.
    Speed(known * 1_000_000).to_string().parse().ok()
}

fn route(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split(' ').collect();
    let [interface, to, gateway, mask] = *words else {
        return None;
    };
    let to = Ipv4Net::with_netmask(address(to)?, address(mask)?)
        .ok()?
        .trunc();
    Some(Route {
        interface: clean(interface),
        to,
        gateway: address(gateway).filter(|gateway| !gateway.is_unspecified()),
    })
}

/// An address as the kernel prints it in a table: a number of the machine's own byte order, which
/// is the lowest byte first on both architectures.
fn address(hexadecimal: &str) -> Option<Ipv4Addr> {
    let number = u32::from_str_radix(hexadecimal, 16).ok()?;
    Some(Ipv4Addr::from(number.to_le_bytes())).filter(|_| hexadecimal.len() == 8)
}

fn disk(line: &str, system: &str) -> Option<DiskFacts> {
    let name = line.split(' ').next()?;
    let flag = |key| value(line, key) == Some("1");
    // Parts of a card that hold no files, and sticks and readers.
    let part = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
    let changes = ["sr", "fd", "nbd"]
        .iter()
        .any(|kind| name.starts_with(kind));
    let sectors: u64 = value(line, "sectors")?.parse().ok()?;
    if part || changes || flag("removable") {
        return None;
    }
    // The kernel counts in sectors of 512 bytes, whatever the disk's own are.
    let size = Bytes(sectors.checked_mul(512).filter(|size| *size > 0)?);
    let kind = match name {
        name if name.starts_with("nvme") => Some(DiskKind::Nvme),
        name if name.starts_with("mmcblk") => Some(DiskKind::Sd),
        // A virtual disk says that it rotates.
        name if name.starts_with("vd") || name.starts_with("xvd") => None,
        _ if flag("rotational") => Some(DiskKind::Hdd),
        _ => Some(DiskKind::Ssd),
    };
    Some(DiskFacts {
        name: clean(name),
        size: as_sold(size),
        kind,
        system: system.split('/').any(|folder| folder == name),
    })
}

/// A size as it is written on the disk: in whole gigabytes, unless it is whole in gibibytes.
fn as_sold(size: Bytes) -> Bytes {
    let unit = match size.0 {
        exact if exact.is_multiple_of(1 << 30) => 1 << 30,
        1_000_000_000.. => 1_000_000_000,
        _ => return size,
    };
    Bytes(size.0 / unit * unit)
}

fn gpu(line: &str) -> Option<GpuVendor> {
    // Numbers of the makers as the PCI SIG gives them.
    match line.split(' ').nth(1)? {
        "0x8086" => Some(GpuVendor::Intel),
        "0x10de" => Some(GpuVendor::Nvidia),
        "0x1002" => Some(GpuVendor::Amd),
        _ => None,
    }
}

fn usb(line: &str) -> Option<UsbFacts> {
    let mut words = line.splitn(3, ' ');
    let (id, class) = (words.next()?, words.next()?.strip_prefix("class=")?);
    let hexadecimal = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let (vendor, product) = id.split_once(':')?;
    // Keyboards and mice, disks, hubs: classes 3, 8 and 9 of the USB IF. Class 0 says that the
    // interfaces tell.
    let common = ["03", "08", "09"];
    let mut classes = class
        .split(',')
        .filter(|one| !one.is_empty() && *one != "00");
    let uncommon = classes.clone().next().is_none() || classes.any(|one| !common.contains(&one));
    (hexadecimal(vendor) && hexadecimal(product) && uncommon).then(|| UsbFacts {
        id: id.to_owned(),
        product: clean(words.next().unwrap_or_default()),
    })
}
