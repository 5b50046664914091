//! What is made to go wrong in a replica, beside hosts that are switched off: links that are cut,
//! disks that are full, hosts that are slow. One grammar for the command line and for records.
//!
//! | text | what |
//! |---|---|
//! | `link:NETWORK` | the network carries nothing between hosts |
//! | `link:HOST` | the host is cut off from all of its networks |
//! | `link:HOST.NETWORK` | the host is cut off from one of them |
//! | `disk:HOST` | what is written to the host's disks is refused for want of space |
//! | `cpu:HOST=20%` | the host's nodes get that part of their processors |

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::read::nearest;

/// Something that is made to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A network carries nothing between hosts.
    Network(Name),
    /// A host is cut off from a network, or from all.
    Link {
        /// The host.
        host: Name,
        /// The network; `None`: all of the host's.
        network: Option<Name>,
    },
    /// The disks of a host's nodes are full.
    Disk(Name),
    /// A host's nodes get only a part of their processors.
    Cpu {
        /// The host.
        host: Name,
        /// How much is left, in hundredths: 1 to 99.
        percent: u8,
    },
}

/// Why a text is no [`Trouble`] of a replica.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTrouble {
    /// The word before the colon is none.
    #[error(
        "{0:?} is nothing that can be switched off: write HOST, link:NETWORK, link:HOST, link:HOST.NETWORK, disk:HOST or cpu:HOST=20%"
    )]
    Unknown(String),
    /// There is no such host or network.
    #[error("the replica has no {what} {name:?}{}; it has: {}", meant(nearest.as_deref()), known.join(", "))]
    NotFound {
        /// `host`, `network` or both.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What is called nearly so.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A host and a network have that name.
    #[error(
        "both a host and a network are called {0}: write link:{0}.NETWORK for the host's links"
    )]
    Ambiguous(Name),
    /// The part of the processors is missing or none.
    #[error("{0:?} tells no part of the processors: write cpu:HOST=1% to cpu:HOST=99%")]
    Percent(String),
    /// A step of the clock.
    #[error(
        "the clock of a replica's host cannot be stepped: the kernel has one wall clock for the \
         whole machine. Namespaces have offsets of the monotonic and the boot clock only, fixed \
         before their first process (time_namespaces(7)); a step would move this machine's time"
    )]
    Clock,
}

impl NoTrouble {
    /// There is no such host.
    #[must_use]
    pub fn host(name: &str, hosts: &BTreeSet<&Name>) -> Self {
        not_found("host", name, hosts)
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean {name}?"))
}

impl Trouble {
    /// Reads what a person writes about a replica with these hosts and networks. Where something is
    /// switched on again, the part of the processors may be left out: `any_percent`.
    ///
    /// # Errors
    /// [`NoTrouble`], with what to write instead.
    pub fn read(
        text: &str,
        hosts: &BTreeSet<&Name>,
        networks: &BTreeSet<&Name>,
        any_percent: bool,
    ) -> Result<Self, NoTrouble> {
        let unknown = || NoTrouble::Unknown(text.chars().take(80).collect());
        let (kind, name) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "link" => link(name, hosts, networks),
            "disk" => Ok(Self::Disk(find("host", name, hosts)?)),
            "cpu" => {
                let (host, part) = match name.split_once('=') {
                    Some((host, part)) => (host, Some(part)),
                    None => (name, None),
                };
                let host = find("host", host, hosts)?;
                let percent = match part {
                    None if any_percent => Some(100),
                    part => part.and_then(percent),
                };
                let percent = percent.ok_or_else(|| NoTrouble::Percent(text.to_owned()))?;
                Ok(Self::Cpu { host, percent })
            }
            "clock" => Err(NoTrouble::Clock),
            _ => Err(unknown()),
        }
    }

    /// What it is about, the same however much of it there is: one trouble takes the place of
    /// another of the same key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Network(network) => format!("link:{network}"),
            Self::Link { host, network } => match network {
                Some(network) => format!("link:{host}.{network}"),
                None => format!("link:{host}"),
            },
            Self::Disk(host) => format!("disk:{host}"),
            Self::Cpu { host, .. } => format!("cpu:{host}"),
        }
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn does(&self) -> String {
        match self {
            Self::Network(network) => format!("{network} carries nothing between hosts"),
            Self::Link {
                host,
                network: None,
            } => format!("{host} is cut off from its networks"),
            Self::Link {
                host,
                network: Some(network),
            } => format!("{host} is cut off from {network}"),
            Self::Disk(host) => format!("the disks of {host} are full"),
            Self::Cpu { host, percent } => {
                format!("the nodes on {host} get {percent} % of their processors")
            }
        }
    }

    /// Whether it cuts the link of a host into a network.
    #[must_use]
    pub fn cuts(&self, host: &Name, network: &Name) -> bool {
        match self {
            Self::Network(cut) => cut == network,
            Self::Link {
                host: cut,
                network: into,
            } => cut == host && into.as_ref().is_none_or(|into| into == network),
            Self::Disk(_) | Self::Cpu { .. } => false,
        }
    }

    /// Whether it is about that host, and about no more.
    #[must_use]
    pub fn is_of_host(&self, name: &Name) -> bool {
        match self {
            Self::Network(_) => false,
            Self::Link { host, .. } | Self::Disk(host) | Self::Cpu { host, .. } => host == name,
        }
    }

    /// Whether it is about that network.
    #[must_use]
    pub fn is_of_network(&self, name: &Name) -> bool {
        match self {
            Self::Network(network) => network == name,
            Self::Link { network, .. } => network.as_ref() == Some(name),
            Self::Disk(_) | Self::Cpu { .. } => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { host, percent } => write!(f, "cpu:{host}={percent}%"),
            other => f.pad(&other.key()),
        }
    }
}

fn percent(text: &str) -> Option<u8> {
    let number: u8 = text.strip_suffix('%')?.parse().ok()?;
    (1..100).contains(&number).then_some(number)
}

/// As in a question about failures, `link:` names a network first; also a host.
fn link(
    text: &str,
    hosts: &BTreeSet<&Name>,
    networks: &BTreeSet<&Name>,
) -> Result<Trouble, NoTrouble> {
    if let Some((host, network)) = text.split_once('.') {
        return Ok(Trouble::Link {
            host: find("host", host, hosts)?,
            network: Some(find("network", network, networks)?),
        });
    }
    let in_set = |set: &BTreeSet<&Name>| {
        let found = set.iter().find(|name| name.as_str() == text);
        found.map(|name| (*name).clone())
    };
    match (in_set(networks), in_set(hosts)) {
        (Some(name), Some(_)) => Err(NoTrouble::Ambiguous(name)),
        (Some(network), None) => Ok(Trouble::Network(network)),
        (None, Some(host)) => Ok(Trouble::Link {
            host,
            network: None,
        }),
        (None, None) => {
            let both: BTreeSet<&Name> = hosts.union(networks).copied().collect();
            Err(not_found("host or network", text, &both))
        }
    }
}

fn find(what: &'static str, text: &str, set: &BTreeSet<&Name>) -> Result<Name, NoTrouble> {
    let found = set.iter().find(|name| name.as_str() == text);
    found
        .map(|name| (*name).clone())
        .ok_or_else(|| not_found(what, text, set))
}

fn not_found(what: &'static str, text: &str, set: &BTreeSet<&Name>) -> NoTrouble {
    let known = || set.iter().map(|name| name.as_str());
    NoTrouble::NotFound {
        what,
        name: text.chars().take(80).collect(),
        nearest: nearest(text, known()).map(str::to_owned),
        known: known().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Trouble, String> {
        let names =
            |all: &[&str]| -> Vec<Name> { all.iter().map(|n| n.parse().unwrap()).collect() };
        let (hosts, networks) = (names(&["gamer", "nuc", "both"]), names(&["lan", "both"]));
        let (hosts, networks) = (hosts.iter().collect(), networks.iter().collect());
        Trouble::read(text, &hosts, &networks, false).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_reads_back_from_what_is_shown() {
        for text in [
            "link:lan",
            "link:gamer",
            "link:gamer.lan",
            "link:both.lan",
            "disk:gamer",
            "cpu:gamer=20%",
        ] {
            let trouble = read(text).unwrap();
            assert_eq!(trouble.to_string(), text);
            assert_eq!(trouble.key(), text.trim_end_matches("=20%"));
            let json = serde_json::to_string(&trouble).unwrap();
            assert_eq!(serde_json::from_str::<Trouble>(&json).unwrap(), trouble);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        for (text, told) in [
            ("link:lam", "did you mean lan?"),
            (
                "link:gamer.internet",
                "no network \"internet\"; it has: both, lan",
            ),
            ("link:both", "link:both.NETWORK"),
            ("disk:lan", "no host \"lan\""),
            ("cpu:gamer", "cpu:HOST=1%"),
            ("cpu:gamer=0%", "cpu:HOST=1%"),
            ("cpu:gamer=100%", "cpu:HOST=1%"),
            ("clock:gamer=+1h", "one wall clock"),
            ("fan:gamer", "disk:HOST"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn a_cut_is_of_links() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        let cuts = |text: &str, host: &str, network: &str| {
            read(text).unwrap().cuts(&name(host), &name(network))
        };
        assert!(cuts("link:lan", "nuc", "lan"));
        assert!(cuts("link:gamer", "gamer", "lan"));
        assert!(cuts("link:gamer.lan", "gamer", "lan"));
        assert!(!cuts("link:gamer.lan", "gamer", "both"));
        assert!(!cuts("link:gamer", "nuc", "lan"));
        assert!(!cuts("disk:gamer", "gamer", "lan"));
    }
}
