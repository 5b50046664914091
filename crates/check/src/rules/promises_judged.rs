//! S114: Every promise can be judged.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Judged, Rule, Subject, Verdict};

pub(super) const RULE: Rule = Rule {
    code: "S114",
    title: "Every promise can be judged.",
    text: "A promise about something that the lab does not have says nothing, and one that hangs on what nobody tells, such as the size of a node or how a program runs, is unknown. Neither is broken, and neither is a promise to count on.",
    sees: "What the failure model sees: the lab file and manifests beside it.",
    severity: Severity::Note,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for judged in lab.facts.promises.iter().flatten() {
        let what = word(lab, judged);
        let (message, help) = match judged.verdict {
            Verdict::Breaks { .. } => continue,
            Verdict::SaysNothing => (
                format!("the lab has no {what}: the promise says nothing of it"),
                "leave it out, or name what is meant",
            ),
            Verdict::Unknown => (
                format!("whether {what} stays is not known{}", ending(&judged.why)),
                "declare what is not known; steading prove names it",
            ),
        };
        let stays = format!("promises[{}].stays[{}]", judged.promise, judged.stay);
        findings.add(message, &[(stays, "")], help);
    }
}

/// The word of what must stay.
pub(super) fn word<'a>(lab: &'a Subject<'_>, judged: &Judged) -> &'a str {
    let promise = lab.promises.get(judged.promise);
    let word = promise.and_then(|promise| promise.stays.get(judged.stay));
    word.map_or("it", String::as_str)
}

/// The first reasons, as the end of a sentence.
pub(super) fn ending(why: &[String]) -> String {
    const FEW: usize = 2;
    match why {
        [] => String::new(),
        why => {
            let few: Vec<&str> = why.iter().take(FEW).map(String::as_str).collect();
            let more = if why.len() > FEW { "; …" } else { "" };
            format!(": {}{more}", few.join("; "))
        }
    }
}

#[test]
fn what_says_nothing_and_what_is_unknown_are_told_apart() {
    use crate::Facts;
    let lab =
        crate::example::lab_with("promises: [ { when: { fails: 1 }, stays: [ vpn, api ] } ]\n");
    let judged = |stay, verdict| Judged {
        promise: 0,
        stay,
        verdict,
        counterexample: Vec::new(),
        why: Vec::new(),
    };
    let facts = Facts {
        promises: Some(vec![
            judged(0, Verdict::SaysNothing),
            judged(1, Verdict::Unknown),
        ]),
        ..Facts::default()
    };
    let all = crate::check(&lab, &facts);
    let found: Vec<&str> = all
        .iter()
        .filter(|finding| finding.code == "S114")
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        found,
        [
            "the lab has no vpn: the promise says nothing of it",
            "whether api stays is not known"
        ]
    );
}
