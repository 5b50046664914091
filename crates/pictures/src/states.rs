//! How every part of a picture is at a moment of a scenario.

use serde::{Serialize, Serializer};
use whatif::events::Scenario;
use whatif::ids::Id as _;
use whatif::semantics::{Course, Model, State as Stands, what_stands};
use whatif::span::{Ms, Span};
use whatif::timeline::{Asker, Line, Report, Verdict};
use whatif::world::Element;

use crate::scene::{Of, Scene};

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// As always.
    Fine,
    /// It serves again, elsewhere.
    Moved,
    /// It serves, and single requests may fail.
    Shaky,
    /// The model does not know.
    Unknown,
    /// It may be away, may come back: it depends on where pods are, or on luck.
    Perhaps,
    /// It is away.
    Away,
    /// It is among what goes.
    Off,
    /// It is away, and its data is gone.
    Lost,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Fine,
        Self::Moved,
        Self::Shaky,
        Self::Unknown,
        Self::Perhaps,
        Self::Away,
        Self::Off,
        Self::Lost,
    ];

    /// The word for it, also the class in drawings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Moved => "moved",
            Self::Shaky => "shaky",
            Self::Unknown => "unknown",
            Self::Perhaps => "perhaps",
            Self::Away => "away",
            Self::Off => "off",
            Self::Lost => "lost",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Fine => "as always",
            Self::Moved => "serves again, elsewhere",
            Self::Shaky => "serves; single requests may fail",
            Self::Unknown => "the model does not know",
            Self::Perhaps => "may be away",
            Self::Away => "away",
            Self::Off => "what went",
            Self::Lost => "away, and its data is gone",
        }
    }

    /// The mark beside a name: colour alone tells nobody who does not see it.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Fine => "",
            Self::Moved => "→",
            Self::Shaky => "~",
            Self::Unknown | Self::Perhaps => "?",
            Self::Away => "×",
            Self::Off => "off",
            Self::Lost => "lost",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// A moment from which on things are other than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When, in milliseconds after the event; `None`: before it.
    pub at: Option<Ms>,
    /// The same in words.
    pub label: String,
    /// How each part of the scene is, by its position.
    pub states: Vec<State>,
    /// How each thing of the report is, by its position.
    pub things: Vec<State>,
    /// What is away, in words.
    pub says: String,
}

/// All moments of a scenario at which something changes, the first one before it.
#[must_use]
pub fn steps(scene: &Scene, model: &Model, scenario: &Scenario, report: &Report) -> Vec<Step> {
    let around = Around::of(model, scenario);
    let mut times: Vec<Ms> = report
        .timeline
        .iter()
        .flat_map(|one| ends(one.at))
        .collect();
    for line in &report.things {
        let spans = [line.from, line.until, line.partly];
        times.extend(spans.into_iter().flatten().flat_map(ends));
    }
    times.extend(around.nodes.iter().filter_map(|back| *back).flat_map(ends));
    times.push(0);
    times.sort_unstable();
    times.dedup();
    let moments = std::iter::once(None).chain(times.into_iter().map(Some));
    let mut steps: Vec<Step> = Vec::new();
    for at in moments {
        let things: Vec<State> = report.things.iter().map(|line| thing(line, at)).collect();
        let of = |part: &Of| match part {
            Of::Element(element, name) => {
                let own = around.element(model, scenario, model.world.elements[*element], at);
                let told = name.iter().filter_map(|name| named(report, &things, name));
                told.fold(own, State::max)
            }
            Of::Things(names) => {
                let told = names.iter().filter_map(|name| named(report, &things, name));
                told.max().unwrap_or(State::Fine)
            }
        };
        let states: Vec<State> = scene.parts.iter().map(|part| of(&part.of)).collect();
        let same = |step: &Step| step.states == states && step.things == things;
        // What happens without a change of anything drawn is in the list of what happens.
        if at.is_some_and(|at| at > 0) && steps.last().is_some_and(same) {
            continue;
        }
        steps.push(Step {
            at,
            label: at.map_or_else(|| "before".to_owned(), |at| format!("t+{}", moment(at))),
            says: says(report, &things),
            states,
            things,
        });
    }
    steps
}

fn ends(span: Span) -> [Ms; 2] {
    [span.earliest, span.latest]
}

fn named(report: &Report, states: &[State], name: &str) -> Option<State> {
    let at = report.things.iter().position(|line| line.thing == name)?;
    states.get(at).copied()
}

/// A time as a person says it.
pub(crate) fn moment(at: Ms) -> String {
    let seconds = at.div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, 0) => format!("{hours} h {minutes} min"),
        (hours, minutes, seconds) => format!("{hours} h {minutes} min {seconds} s"),
    }
}

/// How a thing is at a time, out of its line.
fn thing(line: &Line, at: Option<Ms>) -> State {
    let Some(at) = at else {
        return State::Fine;
    };
    if line.verdict == Verdict::Unknown {
        return State::Unknown;
    }
    let shaky = line.partly.is_some_and(|until| at < until.latest);
    let calm = if shaky { State::Shaky } else { State::Fine };
    let Some(from) = line.from else {
        return calm;
    };
    let away = match (line.certain, line.verdict) {
        (_, Verdict::Lost) => State::Lost,
        (true, _) => State::Away,
        (false, _) => State::Perhaps,
    };
    let moved = if line.verdict == Verdict::Moves {
        State::Moved
    } else {
        calm
    };
    match line.until {
        _ if at < from.earliest => calm,
        Some(until) if at >= until.latest => moved,
        Some(until) if at >= until.earliest => State::Perhaps,
        // Between its earliest and its latest moment it may still be there.
        _ if at < from.latest => State::Perhaps,
        Some(_) | None => away,
    }
}

fn says(report: &Report, states: &[State]) -> String {
    let of = |wanted: &[State]| -> Vec<&str> {
        let both = report.things.iter().zip(states);
        let these = both.filter(|(_, state)| wanted.contains(state));
        these.map(|(line, _)| line.thing.as_str()).collect()
    };
    let told = [
        ("away", of(&[State::Away, State::Lost])),
        ("perhaps away", of(&[State::Perhaps])),
        ("not known", of(&[State::Unknown])),
    ];
    let told = told.iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<String> = told
        .map(|(word, names)| format!("{word}: {}", few(names)))
        .collect();
    if told.is_empty() {
        "nothing is away".to_owned()
    } else {
        told.join("; ")
    }
}

fn few(names: &[&str]) -> String {
    const FEW: usize = 6;
    match names.split_at_checked(FEW) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => names.join(", "),
    }
}

/// What of machines and wires goes with the scenario.
struct Around {
    stands: Stands<bool>,
    /// When each node that went is back.
    nodes: Vec<Option<Span>>,
}

impl Around {
    fn of(model: &Model, scenario: &Scenario) -> Self {
        let mut scenario = scenario.clone();
        let stands = what_stands(model, scenario.gone(), Course::POSSIBLE);
        let mut asker = Asker::new(model);
        asker.ask(&scenario);
        let back = |id| asker.node_back(id).filter(|back| back.latest > 0);
        let nodes = model.world.nodes.ids().map(back).collect();
        Self { stands, nodes }
    }

    fn element(
        &self,
        model: &Model,
        scenario: &Scenario,
        element: Element,
        at: Option<Ms>,
    ) -> State {
        let number = model.world.element(element);
        let away = scenario.away.has(number);
        let Some(at) = at else {
            return if away { State::Off } else { State::Fine };
        };
        let goes = away || scenario.off.has(number) || scenario.fail.has(number);
        let stands = match element {
            Element::Host(id) => self.stands.hosts[id.index()],
            Element::Disk(id) => self.stands.disks[id.index()],
            Element::Link(id) => self.stands.links[id.index()],
            Element::Node(id) => self.stands.nodes[id.index()],
            Element::Storage(id) => self.stands.storages[id.index()],
        };
        let on_again = scenario.back.is_some_and(|back| at >= back);
        let node_back = match element {
            Element::Node(id) => self.nodes[id.index()],
            _ => None,
        };
        match node_back {
            Some(back) if !stands && at >= back.latest => return State::Fine,
            Some(back) if !stands && on_again && at >= back.earliest => return State::Perhaps,
            _ => {}
        }
        let returned = on_again && !away && !scenario.fail.has(number);
        let waits = matches!(element, Element::Node(_));
        match (goes, stands) {
            (_, true) => State::Fine,
            _ if returned && !waits => State::Fine,
            (true, false) => State::Off,
            (false, false) => State::Away,
        }
    }
}
