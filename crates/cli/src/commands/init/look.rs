//! Looking at this machine, and asking others.

use std::path::Path;

use anyhow::Context as _;
use drivers::kvm::{self, Kvm};
use drivers::probe::{self, SshAddress};
use import::probed::{self, Found, Machine};
use model::lab::{Access, Arch};
use model::name::Name;

use crate::output::tell;
use crate::places;

/// What was found.
pub(super) enum Asked {
    /// Of this machine.
    Here {
        machine: Box<Machine>,
        /// What is known of KVM, in a sentence.
        kvm: String,
    },
    /// Of others.
    Others {
        found: Vec<Found>,
        /// Those that could not be read, and why.
        unread: Vec<(Name, String)>,
    },
}

/// A machine to ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    name: Option<Name>,
    /// As it stands in the lab file.
    text: String,
    address: SshAddress,
}

/// Reads `NAME:USER@HOST:PORT`, of which name and port may be missing.
pub(super) fn target(text: &str) -> Result<Target, String> {
    let user = text.split('@').next().unwrap_or_default();
    let (name, address) = match user.split_once(':') {
        Some((name, _)) => {
            let parsed: Result<Name, _> = name.parse();
            let rest = text.get(name.len() + 1..).unwrap_or_default();
            (Some(parsed.map_err(|error| error.to_string())?), rest)
        }
        None => (None, text),
    };
    Ok(Target {
        name,
        text: address.to_owned(),
        address: address
            .parse()
            .map_err(|error: probe::InvalidSshAddress| error.to_string())?,
    })
}

/// Looks at this machine.
pub(super) fn here() -> anyhow::Result<Asked> {
    let text = probe::here(probed::PROBE).context("looking at this machine")?;
    let machine = probed::read(&text).context("looking at this machine")?;
    let kvm = kvm(machine.arch);
    tell(&format!("  {kvm}"));
    Ok(Asked::Here {
        machine: Box::new(machine),
        kvm,
    })
}

/// What a trial found of KVM, in a sentence.
fn kvm(arch: Arch) -> String {
    let tried = tempfile::tempdir()
        .and_then(|folder| kvm::trial(arch, &places::search_path(), folder.path()));
    match tried {
        Ok(Kvm::Works) => "KVM works here: a trial guest answered.".to_owned(),
        Ok(Kvm::Broken(why)) => {
            format!("KVM does not work here, virtual machines would be slow: {why}.")
        }
        Ok(Kvm::NotTried(why)) => format!("KVM was not tried: {why}."),
        Err(error) => format!("KVM was not tried: {error}."),
    }
}

/// Asks all machines at once.
pub(super) fn over_ssh(targets: &[Target], config: Option<&Path>) -> Asked {
    for target in targets {
        tell(&format!("  asking {}", target.text));
    }
    let answers: Vec<Result<Machine, String>> = std::thread::scope(|scope| {
        let asking: Vec<_> = targets
            .iter()
            .map(|target| scope.spawn(|| one(target, config)))
            .collect();
        let ended = asking.into_iter().map(std::thread::ScopedJoinHandle::join);
        let lost = |_| Err("it could not be asked".to_owned());
        ended.map(|answer| answer.unwrap_or_else(lost)).collect()
    });
    let mut found = Vec::new();
    let mut unread = Vec::new();
    for (target, answer) in targets.iter().zip(answers) {
        match answer {
            Ok(machine) => found.push(Found {
                name: target
                    .name
                    .clone()
                    .unwrap_or_else(|| name_of(&machine.name)),
                access: Access::Ssh(target.text.clone()),
                machine,
            }),
            Err(why) => {
                tell(&format!("  {} could not be read: {why}", target.text));
                let name = target.name.clone().unwrap_or_else(|| name_of(""));
                unread.push((name, format!("{}: {why}", target.text)));
            }
        }
    }
    Asked::Others { found, unread }
}

fn one(target: &Target, config: Option<&Path>) -> Result<Machine, String> {
    let text = probe::over_ssh(&target.address, config, probed::PROBE).map_err(|error| {
        let causes: Vec<String> = anyhow::Error::from(error)
            .chain()
            .map(ToString::to_string)
            .collect();
        causes.join(": ")
    })?;
    probed::read(&text).map_err(|error| error.to_string())
}

/// A host's name out of what a machine calls itself.
fn name_of(own: &str) -> Name {
    let first = own.split('.').next().unwrap_or_default().to_lowercase();
    let named = first.parse().or_else(|_| "host".parse());
    named.unwrap_or_else(|_| unreachable!("host is a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_may_have_a_name_of_their_own() {
        for (text, name, address) in [
            ("nuc1:root@10.0.0.11", Some("nuc1"), "root@10.0.0.11"),
            ("root@10.0.0.11:2222", None, "root@10.0.0.11:2222"),
            ("nas:me@[fd00::2]:22", Some("nas"), "me@[fd00::2]:22"),
        ] {
            let target = target(text).unwrap();
            assert_eq!(target.name.as_ref().map(Name::as_str), name);
            assert_eq!(target.text, address);
        }
        for bad in [
            "",
            "nuc1",
            "nuc1:10.0.0.11",
            "NUC:root@a",
            ":root@a",
            "-oX:root@a",
            "a:-oX@b",
            "a:root@-oX",
        ] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_has_a_name_whatever_it_calls_itself() {
        for (own, wanted) in [("NUC1.home", "nuc1"), ("(none)", "host"), ("", "host")] {
            assert_eq!(name_of(own).as_str(), wanted);
        }
    }
}
