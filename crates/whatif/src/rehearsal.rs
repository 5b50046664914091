//! What was seen when something really went, beside what was said beforehand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::rules::RuleNo;
use crate::span::Ms;
use crate::timeline::{Line, Report, Verdict};

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
}

/// Compares what was said with what was seen. `apps`: those that served before the event; of
/// others nothing is said. `period`: how long after the truth something may be seen, in
/// milliseconds.
#[must_use]
pub fn compare(
    report: &Report,
    apps: &BTreeSet<String>,
    seen: &[Seen],
    period: Ms,
) -> Vec<Compared> {
    let rehearsal = Rehearsal { seen, period };
    let mut all = Vec::new();
    all.extend(report.thing("api").map(|line| rehearsal.api(line)));
    for moment in &report.timeline {
        if moment.what == crate::timeline::NOT_READY {
            let nodes = moment.of.iter();
            all.extend(nodes.map(|node| rehearsal.node(node, moment)));
        }
    }
    for app in apps {
        let line = report.thing(app);
        all.extend(line.and_then(|line| rehearsal.app(line)));
    }
    all
}

struct Rehearsal<'a> {
    seen: &'a [Seen],
    period: Ms,
}

impl Rehearsal<'_> {
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
        let fits = match (stays, allowed) {
            (true, None) => silent.is_empty(),
            (_, Some(latest)) => silent
                .last()
                .is_none_or(|last| *last <= latest + self.period),
            (false, None) => !line.certain || silent.last().copied() == self.last(),
        };
        self.compared(line, measured, fits)
    }

    fn node(&self, node: &str, moment: &crate::timeline::Moment) -> Compared {
        let missed = |seen: &&Seen| seen.answered && seen.missed.contains(node);
        let first = self.seen.iter().find(missed).map(|seen| seen.at);
        let measured = first.map_or("it never does".to_owned(), seconds);
        let fits = match first {
            Some(at) => at >= moment.at.earliest && at <= moment.at.latest + self.period,
            None => !moment.certain,
        };
        Compared {
            thing: node.to_owned(),
            predicted: format!("{} at {}", moment.what, moment.at),
            measured,
            fits,
            rule: moment.rule,
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
                let in_time = match (again, line.until) {
                    // It depends on where its pods were: they may all have been elsewhere.
                    (None, _) => !line.certain,
                    (Some(again), Some(until)) => {
                        (!line.certain || again + self.period >= until.earliest)
                            && again <= until.latest + self.period
                    }
                    (Some(_), None) => true,
                };
                there && placed && in_time
            }
            Verdict::Waits | Verdict::Down | Verdict::Lost => !line.certain || !there,
            Verdict::Unknown => return None,
        };
        Some(self.compared(line, measured, fits))
    }

    fn compared(&self, line: &Line, measured: String, fits: bool) -> Compared {
        let may = if line.certain { "" } else { "perhaps " };
        let mut predicted = format!("{may}{}", line.verdict.word());
        match (line.verdict, line.until) {
            (Verdict::Stays, Some(until)) => predicted += &format!(", away for up to {until}"),
            (_, Some(until)) => predicted += &format!(", there again at {until}"),
            (_, None) => {}
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
mod tests {
    use super::*;
    use crate::span::Span;

    fn line(verdict: Verdict, certain: bool, until: Option<Span>) -> Line {
        Line {
            thing: "web".to_owned(),
            verdict,
            certain,
            from: Some(Span::NOW),
            until,
            partly: None,
            because: String::new(),
            rule: RuleNo::Eviction,
            certain_nodes: Vec::new(),
            possible_nodes: vec!["b".to_owned(), "c".to_owned()],
            backup: None,
        }
    }

    /// Looks every second: where the app serves, or `!` where the API is silent.
    fn looks(all: &[&str]) -> Vec<Seen> {
        let look = |(at, what): (usize, &&str)| Seen {
            at: at as Ms * 1000,
            answered: *what != "!",
            missed: BTreeSet::new(),
            serving: BTreeMap::from([(
                "web".to_owned(),
                what.chars()
                    .filter(|c| *c != '!')
                    .map(String::from)
                    .collect(),
            )]),
        };
        all.iter().enumerate().map(look).collect()
    }

    fn fits(line: &Line, all: &[&str]) -> bool {
        let seen = looks(all);
        let rehearsal = Rehearsal {
            seen: &seen,
            period: 1000,
        };
        rehearsal.app(line).unwrap().fits
    }

    #[test]
    fn what_moves_must_be_there_again_in_time_and_on_a_node_that_was_named() {
        let moves = line(Verdict::Moves, true, Some(Span::seconds(2, 4)));
        assert!(fits(&moves, &["", "", "", "b", "b"]));
        assert!(!fits(&moves, &["", "", "", "d", "d"]), "another node");
        assert!(!fits(&moves, &["", "", "", "", "", "", "b"]), "too late");
        assert!(!fits(&moves, &["b", "b"]), "it was never away");
        assert!(!fits(&moves, &["", "", "", "b", ""]), "it went again");
        let perhaps = line(Verdict::Moves, false, Some(Span::seconds(2, 4)));
        assert!(fits(&perhaps, &["b", "b"]));
    }

    #[test]
    fn what_stays_must_not_be_missed_for_longer_than_was_said() {
        assert!(fits(&line(Verdict::Stays, true, None), &["b", "b"]));
        assert!(!fits(
            &line(Verdict::Stays, true, None),
            &["b", "", "", "b"]
        ));
        let away = line(Verdict::Stays, true, Some(Span::seconds(0, 2)));
        assert!(fits(&away, &["b", "", "b", "b"]));
        assert!(
            fits(&away, &["b", "!", "!", "!", "b"]),
            "nothing is known of it"
        );
    }

    #[test]
    fn what_waits_must_not_serve() {
        assert!(fits(&line(Verdict::Waits, true, None), &["", ""]));
        assert!(!fits(&line(Verdict::Waits, true, None), &["", "b"]));
        assert!(fits(&line(Verdict::Waits, false, None), &["", "b"]));
    }

    #[test]
    fn the_api_may_be_silent_for_as_long_as_was_said() {
        let api = |line: &Line, all: &[&str]| {
            let seen = looks(all);
            let rehearsal = Rehearsal {
                seen: &seen,
                period: 1000,
            };
            rehearsal.api(line).fits
        };
        let stays = line(Verdict::Stays, true, None);
        assert!(api(&stays, &["b", "b"]));
        assert!(!api(&stays, &["b", "!", "b"]));
        let mut handed_over = stays;
        handed_over.partly = Some(Span::seconds(1, 2));
        assert!(api(&handed_over, &["b", "!", "b"]));
        assert!(!api(&handed_over, &["b", "!", "!", "!", "!", "b"]));
        let down = line(Verdict::Down, true, None);
        assert!(api(&down, &["!", "!"]));
        assert!(!api(&down, &["!", "b"]));
    }
}
