//! S113: Every promise holds.

use model::diagnostic::Severity;

use super::promises_judged::{ending, word};
use crate::finding::Findings;
use crate::{Rule, Subject, Verdict};

pub(super) const RULE: Rule = Rule {
    code: "S113",
    title: "Every promise holds.",
    text: "A promise says what must stay when something goes. All failures that it names are tried on the failure model; the smallest one that breaks it is told. A promise that may break breaks: whether pods are lucky is not a promise. steading prove shows the same with all smallest sets and with changes that would help; what the owner can live with is taken out of the promise, or accepted.",
    sees: "What the failure model sees: the lab file and manifests beside it. What it does not know breaks no promise (S114).",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for judged in lab.facts.promises.iter().flatten() {
        let Verdict::Breaks { certain } = judged.verdict else {
            continue;
        };
        let perhaps = if certain { "does not" } else { "may not" };
        let gone = match judged.counterexample.as_slice() {
            [] => "as the lab is".to_owned(),
            gone => format!("with {} off", gone.join(" and ")),
        };
        let message = format!(
            "{} {perhaps} stay {gone}{}",
            word(lab, judged),
            ending(&judged.why)
        );
        let when = format!("promises[{}].when", judged.promise);
        let stays = format!("promises[{}].stays[{}]", judged.promise, judged.stay);
        findings.add(
            message,
            &[(stays, ""), (when, "")],
            "steading prove tells what would mend it; or promise less",
        );
    }
}

#[test]
fn what_breaks_is_found_with_its_smallest_set() {
    use crate::{Facts, Judged};
    let lab = crate::example::lab_with("promises: [ { when: { fails: 1 }, stays: [ api ] } ]\n");
    let facts = |certain| Facts {
        promises: Some(vec![Judged {
            promise: 0,
            stay: 0,
            verdict: Verdict::Breaks { certain },
            counterexample: vec!["nuc1".to_owned()],
            why: vec!["api down: 0 of 1 control planes are left".to_owned()],
        }]),
        ..Facts::default()
    };
    let found = |certain| {
        let all = crate::check(&lab, &facts(certain));
        all.into_iter()
            .find(|finding| finding.code == "S113")
            .unwrap()
    };
    let finding = found(true);
    assert_eq!(
        finding.message,
        "api does not stay with nuc1 off: api down: 0 of 1 control planes are left"
    );
    assert_eq!(
        finding.places.first().unwrap().field.0,
        "promises[0].stays[0]"
    );
    assert!(found(false).message.contains("may not stay"));
}
