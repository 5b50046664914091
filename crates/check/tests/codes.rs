//! Every code that a finding can carry is explained.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// All texts of the form `"F001"` in the sources below a folder.
#[expect(clippy::disallowed_methods, reason = "the sources lie in files")]
fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.split('"').filter(|part| {
                part.len() == 4
                    && part.starts_with(['F', 'S', 'U'])
                    && part.chars().skip(1).all(|c| c.is_ascii_digit())
            });
            found.extend(quoted.map(str::to_owned));
        }
    }
}

#[test]
fn every_code_is_explained() {
    let mut found = BTreeSet::new();
    for krate in ["model", "catalog", "check"] {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{krate}/src"));
        codes(&sources, &mut found);
    }
    assert!(found.len() > 70, "only {found:?}");
    let explained: BTreeSet<&str> = check::explanations().map(|one| one.code).collect();
    let missing: Vec<&String> = found
        .iter()
        .filter(|code| !explained.contains(code.as_str()))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}
