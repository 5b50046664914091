//! What an import gave, as text: the lab file and its report.

use std::fmt::Write as _;

use import::Imported;

/// The lab file and the report.
pub fn shown(imported: &Imported) -> String {
    let mut out = imported.text("a test").unwrap();
    out.push_str("=== took\n");
    for line in &imported.report.took {
        writeln!(out, "{line}").unwrap();
    }
    out.push_str("=== derived\n");
    for line in &imported.report.derived {
        writeln!(out, "{line}").unwrap();
    }
    out.push_str("=== unplaced\n");
    for (place, text) in &imported.report.unplaced {
        writeln!(out, "{place}: {}", text.trim_end()).unwrap();
    }
    out
}
