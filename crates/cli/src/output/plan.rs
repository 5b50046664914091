//! A plan, for people.

use std::fmt::Write as _;

use model::plan::{Action, Impact, Plan, Step};
use model::resource::Kind;

use super::duration::rough;
use super::style::Style;

/// What there is to say about a step beyond the plan: how large, from where, how long last time.
pub(crate) trait StepNotes {
    /// A short remark, empty if there is none.
    fn remark(&self, step: &Step) -> String;
    /// How long steps of this address took before, in seconds.
    fn usually(&self, step: &Step) -> Option<u64>;
    /// What it means for what runs, each in a line.
    fn consequences(&self, step: &Step) -> &[String];
}

/// The plan as text, one line a step, with what each waits for.
pub(crate) fn plan_text(plan: &Plan, notes: &dyn StepNotes, style: Style) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        step_line(&mut text, step, notes, style);
    }
    for note in &plan.notes {
        let sign = if note.refused { "refused" } else { "note" };
        let _ = writeln!(
            text,
            "  {} {}: {}",
            style.warn(sign),
            note.address,
            note.text
        );
    }
    text.push('\n');
    text.push_str(&summary(plan, style));
    text.push('\n');
    text
}

fn step_line(text: &mut String, step: &Step, notes: &dyn StepNotes, style: Style) {
    let symbol = style.action(step.action, &step.action.symbol().to_string());
    let _ = write!(text, "  {symbol} {:<32} {}", step.address, step.reason);
    let impact = match (step.action, step.impact) {
        // What is lost with it is also elsewhere: nothing to be warned of.
        (Action::Delete, Impact::Recreate) => "",
        (_, impact) => impact_word(impact),
    };
    if !impact.is_empty() {
        let _ = write!(text, ", {}", style.warn(impact));
    }
    let mut after = Vec::new();
    let remark = notes.remark(step);
    if !remark.is_empty() {
        after.push(remark);
    }
    if let Some(seconds) = notes.usually(step).filter(|s| *s > 0) {
        after.push(format!("took {} last time", rough(seconds)));
    }
    if !after.is_empty() {
        let _ = write!(text, "  {}", style.dim(&format!("({})", after.join("; "))));
    }
    text.push('\n');
    for consequence in notes.consequences(step) {
        let _ = writeln!(text, "      {}", style.warn(consequence));
    }
    let waits: Vec<String> = step
        .needs
        .iter()
        .filter(|need| need.kind != Kind::Artifact || step.address.kind == Kind::Image)
        .map(ToString::to_string)
        .collect();
    if !waits.is_empty() {
        let _ = writeln!(
            text,
            "      {}",
            style.dim(&format!("after {}", waits.join(", ")))
        );
    }
}

fn impact_word(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "",
        Impact::InPlace => "changes in place",
        Impact::Restart => "restarts",
        Impact::Reboot => "reboots",
        Impact::Recreate => "is made anew",
        Impact::Wipe => "DELETES DATA that exists nowhere else",
    }
}

/// One line that counts the steps.
pub(crate) fn summary(plan: &Plan, style: Style) -> String {
    if plan.is_empty() {
        return style.good("Nothing to do: everything is as declared.");
    }
    let count = |action| plan.steps.iter().filter(|s| s.action == action).count();
    let parts: Vec<String> = [
        (Action::Create, "to make"),
        (Action::Update, "to change"),
        (Action::Replace, "to make anew"),
        (Action::Delete, "to remove"),
    ]
    .into_iter()
    .map(|(action, words)| (count(action), words))
    .filter(|(n, _)| *n > 0)
    .map(|(n, words)| format!("{n} {words}"))
    .collect();
    let steps = if plan.steps.len() == 1 {
        "step"
    } else {
        "steps"
    };
    format!("{} {steps}: {}.", plan.steps.len(), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::plan::{Generation, LabId, Note, Reason};
    use model::resource::{Artifact, Resource, Spec};

    struct NoNotes(Vec<String>);

    impl StepNotes for NoNotes {
        fn remark(&self, _: &Step) -> String {
            "43 MB".to_owned()
        }

        fn usually(&self, _: &Step) -> Option<u64> {
            Some(125)
        }

        fn consequences(&self, step: &Step) -> &[String] {
            match step.impact {
                Impact::Reboot => &self.0,
                _ => &[],
            }
        }
    }

    #[test]
    fn a_plan_tells_what_why_how_hard_and_after_what() {
        let step = |at: &str, action, impact, reason| {
            let artifact = Artifact {
                name: "a".parse().unwrap(),
                version: "1".to_owned(),
                arch: Default::default(),
            };
            let resource = Resource {
                address: at.parse().unwrap(),
                spec: Spec::Artifact(artifact),
                needs: Default::default(),
            };
            Step {
                address: resource.address.clone(),
                action,
                impact,
                reason,
                needs: ["network/lan".parse().unwrap()].into(),
                inputs: resource.digest(),
                resource,
            }
        };
        let changed = Reason::Changed {
            fields: vec!["cpu: 2 → 4".to_owned()],
        };
        let plan = Plan {
            steps: vec![
                step("machine/new", Action::Create, Impact::None, Reason::Missing),
                step("machine/old", Action::Update, Impact::Reboot, changed),
                step(
                    "machine/gone",
                    Action::Delete,
                    Impact::Wipe,
                    Reason::Undeclared,
                ),
            ],
            notes: vec![Note {
                address: "machine/theirs".parse().unwrap(),
                text: "not ours".to_owned(),
                refused: true,
            }],
            ..empty()
        };
        let notes = NoNotes(vec!["podinfo perhaps down about 40 s".to_owned()]);
        insta::assert_snapshot!(plan_text(&plan, &notes, Style::plain()));
        assert!(plan_text(&empty(), &notes, Style::plain()).contains("Nothing to do"));
    }

    fn empty() -> Plan {
        let nothing = model::inventory::Inventory::default();
        planner::plan(&planner::Input {
            lab: &"lab".parse().unwrap(),
            lab_id: LabId(uuid::Uuid::nil()),
            parent: Generation(0),
            resources: &[],
            inventory: &nothing,
            forced: &Default::default(),
        })
    }
}
