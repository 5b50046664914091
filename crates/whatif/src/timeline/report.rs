//! An answer for people and programs.

use serde::Serialize;

use super::course::Asker;
use super::fate::{Cause, Thing, Verdict};
use super::placement::placement;
use super::{causes, words};
use crate::events::Scenario;
use crate::ids::NodeId;
use crate::rules::{Rule, RuleNo};
use crate::span::{Ms, Span};
use crate::world::World;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The lab.
    pub lab: String,
    /// What is switched off, loses its power or fails.
    pub goes: Vec<String>,
    /// What was off before.
    pub away: Vec<String>,
    /// In order, instead of by a power cut.
    pub graceful: bool,
    /// Its nodes are drained first.
    pub drained: bool,
    /// After how many milliseconds it returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<u64>,
    /// How many things there are of each verdict.
    pub counts: Vec<Counted>,
    /// What becomes of each thing.
    pub things: Vec<Line>,
    /// What happens, in the order of time.
    pub timeline: Vec<Moment>,
    /// The rules that the answer follows, with their sources.
    pub rules: Vec<&'static Rule>,
    /// What was assumed where the lab file is silent.
    pub assumed: Vec<String>,
}

/// How many things have a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counted {
    /// The verdict.
    pub verdict: Verdict,
    /// How many.
    pub count: usize,
}

/// What becomes of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    /// Its name.
    pub thing: String,
    /// The worst that can become of it.
    pub verdict: Verdict,
    /// Certain, or dependent on where its pods or leaders are.
    pub certain: bool,
    /// Away from when, as earliest and latest milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// Away until when; without it, nothing in the scenario ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// Until when single requests may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partly: Option<Span>,
    /// Why.
    pub because: String,
    /// By which rule.
    pub rule: RuleNo,
    /// Nodes that its pods are on for certain afterwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certain_nodes: Vec<String>,
    /// Nodes that they may be on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible_nodes: Vec<String>,
    /// What a backup has of its data, where that is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
}

impl Line {
    /// For how long it is away, if something ends it.
    #[must_use]
    pub fn away_for(&self) -> Option<Span> {
        let from = self.from.unwrap_or(Span::NOW);
        self.until.map(|until| until.since(from))
    }
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moment {
    /// When, as earliest and latest milliseconds.
    pub at: Span,
    /// What.
    pub what: &'static str,
    /// To which things.
    pub of: Vec<String>,
    /// By which rule.
    pub rule: RuleNo,
    /// For certain.
    pub certain: bool,
}

impl Report {
    /// The answer to a question.
    #[must_use]
    pub fn of(asker: &mut Asker<'_>, scenario: &Scenario) -> Self {
        let (fates, entries) = asker.timeline(scenario);
        let (fates, entries) = (fates.to_vec(), entries.to_vec());
        let model = asker.model;
        let world = &model.world;
        let mut ordered = fates;
        ordered.sort_by_key(|fate| words::rank(world, fate.thing));
        let mut things = Vec::new();
        for fate in &ordered {
            let aside = matches!(fate.thing, Thing::Link(_) | Thing::Backup(_));
            let plain = aside && fate.cause == Cause::Untouched;
            if !plain {
                things.push(line(asker, fate));
            }
        }
        let mut timeline: Vec<Moment> = Vec::new();
        for entry in &entries {
            let (what, of) = words::what(model, entry);
            let same = timeline
                .iter_mut()
                .rev()
                .take_while(|one| one.at == entry.at)
                .find(|one| {
                    one.what == what && one.rule == entry.rule && one.certain == entry.certain
                });
            match same {
                Some(moment) => moment.of.push(of),
                None => timeline.push(Moment {
                    at: entry.at,
                    what,
                    of: vec![of],
                    rule: entry.rule,
                    certain: entry.certain,
                }),
            }
        }
        shift(&mut things, &mut timeline, scenario.carried);
        let verdicts = [
            Verdict::Stays,
            Verdict::Moves,
            Verdict::Waits,
            Verdict::Down,
            Verdict::Lost,
            Verdict::Unknown,
        ];
        let counts = verdicts.into_iter().map(|verdict| Counted {
            verdict,
            count: things.iter().filter(|line| line.verdict == verdict).count(),
        });
        let named = |set: &crate::world::Failure| set.iter().map(|one| world.called(one)).collect();
        let mut goes: Vec<String> = named(&scenario.off);
        goes.extend(named(&scenario.fail));
        Self {
            lab: world.name.clone(),
            goes,
            away: named(&scenario.away),
            graceful: scenario.graceful,
            drained: scenario.drained,
            back: scenario.back.map(|back| back + scenario.carried),
            counts: counts.filter(|counted| counted.count > 0).collect(),
            rules: followed(&things, &timeline),
            timeline,
            assumed: assumed(world, scenario, &things),
            things,
        }
    }

    /// The line of a thing, by its name.
    #[must_use]
    pub fn thing(&self, name: &str) -> Option<&Line> {
        self.things.iter().find(|line| line.thing == name)
    }
}

/// Tells all times from when power from outside went, where a battery carried things for a while.
fn shift(things: &mut [Line], timeline: &mut Vec<Moment>, carried: Ms) {
    if carried == 0 {
        return;
    }
    let later = |span: &mut Span| *span = span.after(Span::new(carried, carried));
    for line in things {
        for span in [&mut line.from, &mut line.until, &mut line.partly] {
            span.iter_mut().for_each(later);
        }
    }
    timeline.iter_mut().for_each(|moment| later(&mut moment.at));
    let dark = Moment {
        at: Span::NOW,
        what: "is without power from outside; batteries carry",
        of: timeline
            .first()
            .map(|first| first.of.clone())
            .unwrap_or_default(),
        rule: RuleNo::Shutdown,
        certain: true,
    };
    timeline.insert(0, dark);
}

/// The rules that lines and moments name, each once.
fn followed(things: &[Line], timeline: &[Moment]) -> Vec<&'static Rule> {
    let spoken = |line: &&Line| line.verdict != Verdict::Stays || line.until.is_some();
    let things = things.iter().filter(spoken).map(|line| line.rule);
    let mut all: Vec<RuleNo> = things
        .chain(timeline.iter().map(|moment| moment.rule))
        .collect();
    all.sort();
    all.dedup();
    all.into_iter().map(RuleNo::rule).collect()
}

/// What the answer stands on besides the lab file and the rules.
fn assumed(world: &World, scenario: &Scenario, things: &[Line]) -> Vec<String> {
    let mut all = world.assumed.clone();
    if things.iter().any(|line| line.verdict == Verdict::Moves) {
        all.push("a new pod serves after 1 to 60 s, with its image at hand".to_owned());
    }
    if scenario.back.is_some() {
        all.push("a machine boots in 15 to 300 s, its node is ready 5 to 90 s later".to_owned());
    }
    all
}

fn line(asker: &Asker<'_>, fate: &super::fate::Fate) -> Line {
    let model = asker.model;
    let world = &model.world;
    let names = |nodes: &crate::bits::Bits<NodeId>| {
        nodes
            .iter()
            .map(|node| world.nodes[node].name.clone())
            .collect()
    };
    let (mut certain_nodes, mut possible_nodes) = (Vec::new(), Vec::new());
    if let (Thing::Workload(id), Verdict::Moves) = (fate.thing, fate.verdict) {
        let placement = placement(asker, id);
        certain_nodes = names(&placement.certain);
        possible_nodes = names(&placement.possible);
    }
    let backup = match (fate.thing, fate.verdict) {
        (Thing::Workload(id), Verdict::Lost) => {
            let kept = world.workloads[id]
                .volumes
                .iter()
                .map(|volume| match &volume.backup {
                    Some((name, age)) => format!(
                        "{} is in the backup {name}, up to {} h old",
                        volume.name,
                        age / 3_600_000
                    ),
                    None => format!("{} is in no backup", volume.name),
                });
            Some(kept.collect::<Vec<_>>().join("; "))
        }
        _ => None,
    };
    Line {
        thing: words::thing(world, fate.thing),
        verdict: fate.verdict,
        certain: fate.certain,
        from: fate.away.map(|away| away.from),
        until: fate.away.and_then(|away| away.until),
        partly: fate.partly,
        because: causes::cause(model, fate.thing, fate.cause, &asker.gone),
        rule: fate.cause.rule(),
        certain_nodes,
        possible_nodes,
        backup,
    }
}
