//! What to change so that something would stay: small changes of the lab, tried one by one and
//! verified by the same model.

mod candidates;

use model::lab::Lab;
use serde::Serialize;

use crate::events::Question;
use crate::semantics::Model;
use crate::timeline::{Asker, Line, Report, Verdict};
use crate::world::{Input, World};
use candidates::Candidate;

/// A change that would help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suggestion {
    /// What it helps.
    pub helps: Vec<String>,
    /// What would become of that.
    pub becomes: Verdict,
    /// The change in a sentence.
    pub change: String,
    /// The fields of the lab file that are written, each with its value.
    pub write: Vec<(String, String)>,
}

/// Changes that help what does not come up again by itself, at most one for each thing; those that
/// would make anything else worse are not told. `wanted`: only these things.
#[must_use]
pub fn suggestions(
    input: Input<'_>,
    question: &Question,
    wanted: Option<&[String]>,
) -> Vec<Suggestion> {
    let Some(before) = ask(input, input.lab, question) else {
        return Vec::new();
    };
    let broken: Vec<&Line> = before
        .things
        .iter()
        .filter(|line| {
            matches!(line.verdict, Verdict::Waits | Verdict::Down | Verdict::Lost)
                && wanted.is_none_or(|wanted| wanted.contains(&line.thing))
        })
        .collect();
    let mut all: Vec<Suggestion> = Vec::new();
    for line in broken {
        if all.iter().any(|one| one.helps.contains(&line.thing)) {
            continue;
        }
        let tried = candidates::of(input.lab, line, &before);
        if let Some(found) = tried
            .into_iter()
            .find_map(|one| verified(input, question, &before, line, one))
        {
            all.push(found);
        }
    }
    all
}

fn ask(input: Input<'_>, lab: &Lab, question: &Question) -> Option<Report> {
    let world = World::of(Input {
        lab,
        manifests: input.manifests,
    });
    let scenario = question.of(&world).ok()?;
    let model = Model::new(world);
    Some(Report::of(&mut Asker::new(&model), &scenario))
}

/// A change, if it helps that thing and makes nothing worse.
fn verified(
    input: Input<'_>,
    question: &Question,
    before: &Report,
    line: &Line,
    candidate: Candidate,
) -> Option<Suggestion> {
    let after = ask(input, &candidate.lab, question)?;
    let good = |verdict: Verdict| verdict <= Verdict::Moves;
    let now = after.thing(&line.thing)?;
    if !good(now.verdict) {
        return None;
    }
    let worse = before.things.iter().any(|old| {
        after
            .thing(&old.thing)
            .is_some_and(|new| new.verdict > old.verdict && !good(new.verdict))
    });
    if worse {
        return None;
    }
    let helped = before.things.iter().filter(|old| {
        !good(old.verdict) && after.thing(&old.thing).is_some_and(|new| good(new.verdict))
    });
    Some(Suggestion {
        helps: helped.map(|line| line.thing.clone()).collect(),
        becomes: now.verdict,
        change: candidate.change,
        write: candidate.write,
    })
}
