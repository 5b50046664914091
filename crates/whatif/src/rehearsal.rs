//! What was seen when something really went, beside what was said beforehand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::events::Question;
use crate::rules::RuleNo;
use crate::semantics::Model;
use crate::span::{Ms, Span};
use crate::timeline::{Asker, Line, Moment, NOT_READY, Report, Verdict};
use crate::world::{NotFound, World};

/// What was seen at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When, in milliseconds after the event.
    pub at: Ms,
    /// Whether the API answered. If not, nothing else is known of the moment.
    pub answered: bool,
    /// Nodes that are not ready.
    pub missed: BTreeSet<String>,
    /// Where each app has pods that serve, once for each pod.
    pub serving: BTreeMap<String, Vec<String>>,
}

/// A statement of the model, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Compared {
    /// Of what.
    pub thing: String,
    /// What was said.
    pub predicted: String,
    /// What was seen.
    pub measured: String,
    /// Whether it is so as it was said.
    pub fits: bool,
    /// The rule that said it.
    pub rule: RuleNo,
    /// Where it is not so, until when it may still come to be; `None`: nothing later mends it.
    #[serde(skip)]
    pub due: Option<Ms>,
}

impl Compared {
    /// Whether what was seen until then decides about it: it came as it was said, or can do so no
    /// more.
    #[must_use]
    pub fn is_decided(&self, until: Ms) -> bool {
        self.fits || self.due.is_none_or(|due| due <= until)
    }
}

/// What is said of an event before it is played.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// What follows from the lab file: pods may be wherever they may be.
    anywhere: Report,
    /// What follows when it is known where they are.
    placed: Report,
    /// Where each app has pods that serve before the event, once for each pod.
    before: BTreeMap<String, Vec<String>>,
}

impl Prediction {
    /// What is said of an event. `before`: where each app has pods that serve, once for each pod; of
    /// other apps nothing is said.
    ///
    /// # Errors
    /// Where nothing is called as the question says.
    pub fn of(
        mut world: World,
        question: &Question,
        before: BTreeMap<String, Vec<String>>,
    ) -> Result<Self, NotFound> {
        let scenario = question.of(&world)?;
        let ask = |world: World| Report::of(&mut Asker::new(&Model::new(world)), &scenario);
        let anywhere = ask(world.clone());
        let places = world.workloads.iter().filter_map(|(id, workload)| {
            let on = before.get(&workload.name)?.iter();
            let node = |name: &String| world.nodes.iter().find(|(_, node)| node.name == *name);
            Some((id, on.filter_map(node).map(|(id, _)| id).collect()))
        });
        world.placed(places.collect());
        Ok(Self {
            anywhere,
            placed: ask(world),
            before,
        })
    }

    /// When the last of what is said has happened.
    #[must_use]
    pub fn last(&self) -> Ms {
        let spans = [&self.anywhere, &self.placed].into_iter().flat_map(|one| {
            let until = one.things.iter().filter_map(|line| line.until);
            until.chain(one.timeline.iter().map(|moment| moment.at))
        });
        spans.map(|span| span.latest).max().unwrap_or(0)
    }

    /// Compares what was said with what was seen; what is said of the places that pods had comes
    /// only where it says something else. `period`: how long after the truth something may be seen,
    /// in milliseconds.
    #[must_use]
    pub fn compare(&self, seen: &[Seen], period: Ms) -> Vec<Compared> {
        let rehearsal = Rehearsal { seen, period };
        let mut all = rehearsal.of(&self.anywhere, &self.before);
        let mut sharper = rehearsal.of(&self.placed, &self.before);
        sharper.retain(|one| {
            let mut same = all.iter().filter(|other| other.thing == one.thing);
            same.all(|other| other.predicted != one.predicted)
        });
        for one in &mut sharper {
            let on = self.before.get(&one.thing).map(|on| on.join(", "));
            one.predicted = format!("from {}: {}", on.unwrap_or_default(), one.predicted);
        }
        all.append(&mut sharper);
        all
    }
}

struct Rehearsal<'a> {
    seen: &'a [Seen],
    period: Ms,
}

impl Rehearsal<'_> {
    /// All that a report says of the API, of nodes that go, and of apps that served before.
    fn of(&self, report: &Report, before: &BTreeMap<String, Vec<String>>) -> Vec<Compared> {
        let mut all = Vec::new();
        all.extend(report.thing("api").map(|line| self.api(line)));
        for moment in &report.timeline {
            if moment.what == NOT_READY {
                all.extend(moment.of.iter().map(|node| self.node(node, moment)));
            }
        }
        let lines = before.keys().filter_map(|app| report.thing(app));
        all.extend(lines.filter_map(|line| self.app(line)));
        all
    }

    fn api(&self, line: &Line) -> Compared {
        let silent: Vec<Ms> = self
            .seen
            .iter()
            .filter(|seen| !seen.answered)
            .map(|seen| seen.at)
            .collect();
        let measured = match (silent.first(), silent.last()) {
            (Some(first), Some(last)) if Some(*last) == self.last() => {
                format!("silent from {} on", seconds(*first))
            }
            (Some(first), Some(last)) => {
                format!("silent within {} to {}", seconds(*first), seconds(*last))
            }
            _ => "answers all the time".to_owned(),
        };
        let stays = line.verdict == Verdict::Stays;
        let allowed = [line.until, line.partly]
            .into_iter()
            .flatten()
            .map(|until| until.latest)
            .max();
        let silent_still = !silent.is_empty() && silent.last().copied() == self.last();
        let at_a_time = line.away_for().map_or(Ms::MAX, |long| long.latest);
        let fits = match (stays, allowed) {
            (true, None) => silent.is_empty(),
            (_, Some(latest)) => {
                let in_time = |last: &Ms| *last <= latest + self.period && !silent_still;
                silent.last().is_none_or(in_time)
                    && self.longest_silence() <= at_a_time.saturating_add(self.period)
            }
            (false, None) => !line.certain || silent_still,
        };
        let due = allowed.filter(|_| silent_still);
        self.compared(line, measured, fits, due)
    }

    /// From the first to the last of the looks in a row that were not answered, at most.
    fn longest_silence(&self) -> Ms {
        let silences = self
            .seen
            .chunk_by(|one, next| one.answered == next.answered);
        let long = silences.filter_map(|looks| match looks {
            [first, .., last] if !first.answered => Some(last.at - first.at),
            _ => None,
        });
        long.max().unwrap_or(0)
    }

    fn node(&self, node: &str, moment: &Moment) -> Compared {
        let missed = |seen: &&Seen| seen.answered && seen.missed.contains(node);
        let first = self.seen.iter().find(missed).map(|seen| seen.at);
        let measured = first.map_or("it never does".to_owned(), seconds);
        let fits = match first {
            // It happened after the last look that did not see it yet, however long that one took.
            Some(at) => {
                let not_yet = |seen: &&Seen| seen.answered && seen.at < at;
                let before = self
                    .seen
                    .iter()
                    .rev()
                    .find(not_yet)
                    .map_or(0, |seen| seen.at);
                at >= moment.at.earliest && before <= moment.at.latest + self.period
            }
            None => !moment.certain,
        };
        Compared {
            thing: node.to_owned(),
            predicted: format!("{} at {}", moment.what, moment.at),
            measured,
            fits,
            rule: moment.rule,
            due: first.is_none().then_some(moment.at.latest + self.period),
        }
    }

    /// `None`: nothing is said of it.
    fn app(&self, line: &Line) -> Option<Compared> {
        let serving = |seen: &Seen| seen.serving.get(&line.thing).map_or(0, Vec::len);
        let answered = || self.seen.iter().filter(|seen| seen.answered);
        let gaps: Vec<Ms> = answered()
            .filter(|seen| serving(seen) == 0)
            .map(|seen| seen.at)
            .collect();
        let last = answered().next_back()?;
        let there = serving(last) > 0;
        let nodes: BTreeSet<&String> = last
            .serving
            .get(&line.thing)
            .into_iter()
            .flatten()
            .collect();
        let again = gaps.last().map(|gap| self.after(*gap));
        let on = nodes
            .iter()
            .map(|node| node.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let measured = match (there, gaps.is_empty(), again) {
            (true, true, _) => format!("serves all the time, on {on}"),
            (true, false, Some(again)) => format!("serves again at {}, on {on}", seconds(again)),
            _ => "serves no more".to_owned(),
        };
        let fits = match line.verdict {
            Verdict::Stays => {
                let allowed = line.until.map_or(0, |until| until.latest);
                there && gaps.last().is_none_or(|gap| *gap <= allowed + self.period)
            }
            Verdict::Moves => {
                let placed = nodes.iter().all(|node| {
                    line.certain_nodes.contains(node) || line.possible_nodes.contains(node)
                });
                let in_time = match (gaps.last(), again, line.until) {
                    (Some(gap), Some(again), Some(until)) => {
                        (!line.certain || again + self.period >= until.earliest)
                            && *gap <= until.latest + self.period
                    }
                    (Some(_), ..) => true,
                    // It depends on where its pods were: they may all have been elsewhere.
                    (None, ..) => !line.certain,
                };
                there && placed && in_time
            }
            Verdict::Waits | Verdict::Down | Verdict::Lost => !line.certain || !there,
            Verdict::Unknown => return None,
        };
        let due = line.until.filter(|_| !there).map(|until| until.latest);
        Some(self.compared(line, measured, fits, due))
    }

    fn compared(&self, line: &Line, measured: String, fits: bool, due: Option<Ms>) -> Compared {
        let may = if line.certain { "" } else { "perhaps " };
        let mut predicted = format!("{may}{}", line.verdict.word());
        match (line.verdict, line.away_for(), line.until) {
            (Verdict::Stays, Some(long), _) => {
                predicted += &format!(", away for up to {long}");
                if let Some(from) = line.from.filter(|from| *from != Span::NOW) {
                    predicted += &format!(" at {from}");
                }
            }
            (_, _, Some(until)) => predicted += &format!(", there again at {until}"),
            (_, _, None) => {}
        }
        let nodes: Vec<&str> = line
            .certain_nodes
            .iter()
            .chain(&line.possible_nodes)
            .map(String::as_str)
            .collect();
        if !nodes.is_empty() {
            predicted += &format!(", on {}", nodes.join(", "));
        }
        Compared {
            thing: line.thing.clone(),
            predicted,
            measured,
            fits,
            rule: line.rule,
            due: due.map(|due| due + self.period),
        }
    }

    fn last(&self) -> Option<Ms> {
        self.seen.last().map(|seen| seen.at)
    }

    /// The next moment that was looked at.
    fn after(&self, at: Ms) -> Ms {
        let next = self.seen.iter().find(|seen| seen.at > at && seen.answered);
        next.map_or(at, |seen| seen.at)
    }
}

fn seconds(at: Ms) -> String {
    format!("{}.{} s", at / 1000, at % 1000 / 100)
}

#[cfg(test)]
mod tests;
