//! What must hold for any bytes whatever: the targets of the fuzzer, and of tests with a fixed
//! number of inputs.

use std::collections::BTreeMap;

use model::diagnostic::{Diagnostic, Severity, told};
use model::lab::Lab;
use model::plan::Plan;
use model::read::read;
use model::render::render;
use model::source::Source;

/// Reads, checks and expands a lab file. Whether it is accepted.
///
/// # Panics
/// Where something else comes out than a lab that says what the file says, or findings with
/// their places.
pub fn lab_file(bytes: &[u8]) -> bool {
    let sources = [Source::new("lab.yaml", bytes.to_vec())];
    let reading = read(&sources);
    let mut findings = reading.diagnostics;
    let well_formed = !findings.iter().any(is_error);
    match &reading.lab {
        Some(lab) if well_formed => assert_reads_back(lab),
        Some(_) => {}
        None => assert!(!well_formed, "neither a lab nor an error"),
    }
    if let Some(lab) = &reading.lab {
        let facts = check::Facts {
            unread: reading.unread.clone(),
            ..check::Facts::default()
        };
        findings.extend(check::check(lab, &facts));
        if !findings.iter().any(is_error) {
            // Manifests are not there: that is told of an app that names some.
            let expanded = catalog::expand(lab, &BTreeMap::new());
            findings.extend(expanded.err().into_iter().flatten());
        }
    }
    reading.index.locate(&mut findings);
    let findings = told(findings);
    for finding in &findings {
        assert_placed(finding, &sources);
        assert!(!render(std::slice::from_ref(finding), &sources, false).is_empty());
    }
    !findings.iter().any(is_error)
}

fn is_error(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Error
}

/// An error has a place, every place is one of the file.
fn assert_placed(finding: &Diagnostic, sources: &[Source]) {
    let main = finding.places.first().and_then(|place| place.span);
    assert!(
        main.is_some() || !is_error(finding),
        "no place: {finding:?}"
    );
    for span in finding.places.iter().filter_map(|place| place.span) {
        let text = sources.get(span.file).map(|source| &source.text);
        let shown = text.and_then(|text| text.get(span.start..span.end));
        assert!(shown.is_some(), "outside of the file: {finding:?}");
    }
}

/// A lab that was read is the same when what was read of it is written and read once more.
fn assert_reads_back(lab: &Lab) {
    let mut lab = lab.clone();
    // Free text of any length and numbers of any notation: YAML and JSON differ there.
    lab.components.clear();
    for app in lab.apps.values_mut() {
        app.settings.clear();
    }
    for node in lab.nodes.values_mut() {
        node.labels.clear();
    }
    let text = serde_json::to_string(&lab).expect("a lab is written");
    let again = read(&[Source::new("again.yaml", text.into_bytes())]);
    assert_eq!(again.lab, Some(lab), "{:?}", again.diagnostics);
}

/// Reads a saved plan. Whether it is one.
///
/// # Panics
/// Where a plan comes out that is not the same when it is written and read once more.
pub fn plan_file(bytes: &[u8]) -> bool {
    let plan = match Plan::from_json(bytes) {
        Ok(plan) => plan,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let _ = plan.impact();
    for step in &plan.steps {
        assert!(!format!("{} {}", step.address, step.reason).is_empty());
        let _ = step.resource.digest();
    }
    let json = serde_json::to_vec(&plan).expect("a plan is written");
    let again = Plan::from_json(&json).expect("what was written is read");
    assert_eq!(again, plan);
    true
}
