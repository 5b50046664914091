//! What is other in a replica than in the lab.

use std::fmt::Write as _;

use catalog::Change;

use super::paragraph::wrapped;
use super::style::Style;

/// The changes, those that stand in for something first.
pub(crate) fn text(changes: &[Change], style: Style) -> String {
    let mut text = format!("{}\n", style.bold("other than in the lab"));
    let (stand_ins, left_out): (Vec<_>, Vec<_>) = changes
        .iter()
        .partition(|change| change.stands_in.is_some());
    for change in stand_ins {
        if let Some(says) = &change.stands_in {
            line(
                &mut text,
                &format!("{}: {says}, since {}", change.field, change.why),
            );
        }
    }
    if !left_out.is_empty() {
        let _ = writeln!(text, "{}", style.bold("left out"));
        for change in left_out {
            line(&mut text, &format!("{}: {}", change.field, change.why));
        }
    }
    text
}

/// One change, in lines that a terminal holds.
fn line(text: &mut String, what: &str) {
    for (number, line) in wrapped(what).lines().enumerate() {
        let indent = if number == 0 { "  " } else { "      " };
        let _ = writeln!(text, "{indent}{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_come_first() {
        let change = |field: &str, stands_in: Option<&str>| Change {
            field: field.to_owned(),
            stands_in: stands_in.map(str::to_owned),
            why: "it cannot be had here".to_owned(),
        };
        let changes = [change("storage", None), change("nodes", Some("containers"))];
        assert_eq!(
            text(&changes, Style::plain()),
            "other than in the lab\n  nodes: containers, since it cannot be had here\n\
             left out\n  storage: it cannot be had here\n"
        );
    }
}
