use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::name::Name;
use model::read::read;
use model::source::Source;

use super::*;
use crate::component::components;

fn read_all() -> BTreeMap<String, Known> {
    serde_saphyr::from_str(DATA).unwrap_or_else(|error| panic!("catalog/known.yaml: {error}"))
}

#[test]
fn every_entry_reads_and_says_what_it_is() {
    let all = read_all();
    assert_eq!(all.len(), known().len());
    for (name, entry) in &all {
        assert!(name.parse::<Name>().is_ok(), "{name} is no name");
        let about = &entry.about;
        assert!(about.ends_with('.') && about.len() > 15, "{name}: {about}");
        for (version, day) in &entry.eol {
            assert!(!version.starts_with('v'), "{name} {version}");
            let digits: Vec<usize> = day.split('-').map(str::len).collect();
            assert_eq!(digits, [4, 2, 2], "{name} {version}: {day}");
            assert!(
                day.bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_digit())
            );
        }
        if let Some(carried) = components().get(name) {
            assert_eq!(carried.kind, entry.kind, "{name}");
        }
    }
}

#[test]
fn what_is_needed_is_provided() {
    let provided: BTreeSet<Capability> = known()
        .values()
        .flat_map(|entry| entry.provides.iter().copied())
        .collect();
    for (name, entry) in known() {
        for need in &entry.needs {
            let by = provided.contains(need) || need.of_the_lab();
            assert!(by, "nothing provides {need}, which {name} needs");
            assert!(
                !entry.provides.contains(need),
                "{name} needs its own {need}"
            );
        }
    }
}

#[test]
fn a_capability_reads_as_its_word() {
    let provided = known().values().flat_map(|entry| &entry.provides);
    for capability in provided.copied() {
        let read: Capability = serde_json::from_value(capability.word().into()).unwrap();
        assert_eq!(read, capability);
    }
}

/// The files of all labs of this repository.
fn lab_files() -> Vec<PathBuf> {
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
    let folders = labs.read_dir().unwrap();
    folders
        .flat_map(|folder| folder.unwrap().path().read_dir().into_iter().flatten())
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "yaml"))
        .collect()
}

#[test]
fn what_the_labs_name_is_known() {
    for file in lab_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.display().to_string();
        let lab = read(&[Source { name, text }]).lab.unwrap();
        let is = |entry: &Name, kind: ComponentKind| {
            let carried = components().get(entry.as_str()).map(|entry| entry.kind);
            let found = carried.or_else(|| Some(known().get(entry.as_str())?.kind));
            assert_eq!(found, Some(kind), "{entry} in {}", file.display());
        };
        for (name, component) in &lab.components {
            is(component.entry(name), ComponentKind::Component);
        }
        for entry in lab.apps.values().filter_map(|app| app.catalog.as_ref()) {
            is(entry, ComponentKind::App);
        }
    }
}
