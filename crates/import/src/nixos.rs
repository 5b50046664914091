//! NixOS configurations, as texts.
//!
//! Nix is a language: what a configuration means only its evaluation tells. This import reads the
//! settings that stand there in plain words, and names all others. It takes no value that it does
//! not understand, so no secret that somebody wrote into one.

mod cluster;
mod host;
mod scan;
mod token;

use std::collections::BTreeMap;

use crate::draft::Draft;
use crate::networks::Segments;
use crate::{Files, ImportError, Imported, names};
use scan::Setting;

/// The settings of a machine, with the files that they stand in.
#[derive(Debug, Default)]
struct Machine {
    file: String,
    settings: Vec<(String, Setting, bool)>,
    /// Settings that were taken although they hold only under a condition.
    conditional: Vec<String>,
}

impl Machine {
    /// The setting of that path; it counts as read. One that holds without a condition comes
    /// before the others.
    fn take(&mut self, path: &str) -> Option<Setting> {
        let mut found: Option<Setting> = None;
        for (_, setting, read) in &mut self.settings {
            if setting.dotted() == path {
                *read = true;
                if found
                    .as_ref()
                    .is_none_or(|known| known.conditional && !setting.conditional)
                {
                    found = Some(setting.clone());
                }
            }
        }
        if found.as_ref().is_some_and(|setting| setting.conditional) {
            self.conditional.push(path.to_owned());
        }
        found
    }

    /// The text of a setting.
    fn text(&mut self, path: &str) -> Option<String> {
        self.take(path)?.text().map(str::to_owned)
    }

    /// Whether something is switched on.
    fn on(&mut self, path: &str) -> bool {
        self.text(path).as_deref() == Some("true")
    }

    /// The settings below a path, which count as read: what stands between it and `end`, and the
    /// setting.
    fn between(&mut self, start: &[&str], end: &[&str]) -> Vec<(String, Setting)> {
        let mut found = Vec::new();
        for (_, setting, read) in &mut self.settings {
            let path: Vec<&str> = setting.path.iter().map(String::as_str).collect();
            let middle = path
                .strip_prefix(start)
                .and_then(|rest| rest.strip_suffix(end));
            if let Some([name]) = middle {
                *read = true;
                found.push(((*name).to_owned(), setting.clone()));
            }
        }
        found
    }
}

/// The settings of each file.
type Read<'a> = BTreeMap<&'a String, Vec<Setting>>;

pub(crate) fn import(files: &Files) -> Result<Imported, ImportError> {
    let mut draft = Draft::new(names::known("imported"));
    let mut read = Read::new();
    for (file, text) in files {
        read.insert(file, scan::settings(&token::tokens(text)));
    }
    let named: Vec<&String> = read
        .iter()
        .filter(|(_, settings)| {
            settings
                .iter()
                .any(|one| one.dotted() == "networking.hostName")
        })
        .map(|(file, _)| *file)
        .collect();
    if named.is_empty() {
        return Err(ImportError::Nothing {
            what: "NixOS configuration that sets networking.hostName in plain words",
        });
    }
    let (mut machines, nobodys) = machines(&read, &named);
    let mut segments = Segments::default();
    let mut interfaces = Vec::new();
    for machine in &mut machines {
        let all = host::interfaces(machine);
        all.iter().for_each(|interface| segments.add(interface));
        interfaces.push(all);
    }
    segments.place(&mut draft);
    let mut members = Vec::new();
    for (machine, interfaces) in machines.iter_mut().zip(&interfaces) {
        members.extend(host::place(&mut draft, machine, interfaces)?);
    }
    cluster::place(&mut draft, members);
    for machine in machines {
        for path in machine.conditional {
            draft.derived(format!(
                "{path} of {}: it stands under a condition, which was taken to hold",
                machine.file
            ));
        }
        unread(&mut draft, machine.settings);
    }
    unread(&mut draft, nobodys);
    draft.derived("the name imported: the configurations tell none; write the lab's own");
    Ok(draft.finish())
}

/// The machines with their settings, and the settings that belong to none.
fn machines(read: &Read<'_>, named: &[&String]) -> (Vec<Machine>, Vec<(String, Setting, bool)>) {
    let mut machines: Vec<Machine> = Vec::new();
    for file in named {
        machines.push(Machine {
            file: (*file).clone(),
            ..Machine::default()
        });
    }
    let mut nobodys = Vec::new();
    for (file, settings) in read {
        match owner(file, named) {
            Some(position) => {
                let settings = settings
                    .iter()
                    .map(|one| ((*file).clone(), one.clone(), false));
                if let Some(machine) = machines.get_mut(position) {
                    machine.settings.extend(settings);
                }
            }
            None => nobodys.extend(
                settings
                    .iter()
                    .map(|one| ((*file).clone(), one.clone(), false)),
            ),
        }
    }
    (machines, nobodys)
}

/// Which machine a file belongs to: itself, the only one, or the only one of its folder.
fn owner(file: &String, named: &[&String]) -> Option<usize> {
    if let Some(position) = named.iter().position(|one| *one == file) {
        return Some(position);
    }
    let folder = |file: &str| file.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let mut near = named.iter().enumerate().filter(|(_, one)| {
        named.len() == 1 || (folder(one).is_some() && folder(one) == folder(file))
    });
    match (near.next(), near.next()) {
        (Some((position, _)), None) => Some(position),
        _ => None,
    }
}

/// Names what was not read, by files: never the values.
fn unread(draft: &mut Draft, settings: Vec<(String, Setting, bool)>) {
    let mut by_file: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, setting, read) in settings {
        let mut path = setting.dotted();
        // Names may be anything in quotes; long ones are texts.
        path = path.chars().take(120).collect();
        let known = by_file.entry(file).or_default();
        if !read
            && !path.is_empty()
            && !crate::secrecy::looks_secret(&path)
            && !known.contains(&path)
        {
            known.push(path);
        }
    }
    for (file, paths) in by_file {
        if !paths.is_empty() {
            draft.unplaced(
                &file,
                format!("settings that were not read: {}", paths.join(", ")),
            );
        }
    }
}
