//! Cases with known answers, each with its source: at least three for every rule.
//!
//! A case takes a lab, changes some of its fields, asks a question, and says what must come out.

#![expect(clippy::disallowed_methods, reason = "the cases lie in files")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use whatif::events::Question;
use whatif::rules::RULES;
use whatif::semantics::Model;
use whatif::timeline::{Asker, Line, Report};
use whatif::world::{Input, World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    /// What it shows.
    name: String,
    /// Where that stands.
    source: String,
    /// Fields of the lab that are different; `null` removes one.
    #[serde(default)]
    with: BTreeMap<String, Value>,
    /// Objects of apps that come as manifests.
    #[serde(default)]
    manifests: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    off: Vec<String>,
    #[serde(default)]
    fail: Vec<String>,
    #[serde(default)]
    graceful: bool,
    #[serde(default)]
    fenced: bool,
    #[serde(default)]
    drained: bool,
    #[serde(default)]
    at: Option<u16>,
    /// Switched on again after so many seconds.
    #[serde(default)]
    back: Option<u64>,
    /// What becomes of things.
    #[serde(default)]
    things: BTreeMap<String, Expected>,
    /// What happens when.
    #[serde(default)]
    timeline: Vec<Happens>,
    /// What does not happen.
    #[serde(default)]
    never: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expected {
    verdict: String,
    #[serde(default)]
    certain: Option<bool>,
    #[serde(default)]
    rule: Option<String>,
    /// Away from when, in seconds.
    #[serde(default)]
    from: Option<[u64; 2]>,
    /// There again, in seconds.
    #[serde(default)]
    until: Option<[u64; 2]>,
    /// Nothing ends it.
    #[serde(default)]
    for_good: bool,
    #[serde(default)]
    partly: Option<[u64; 2]>,
    #[serde(default)]
    on: Option<Vec<String>>,
    #[serde(default)]
    one_of: Option<Vec<String>>,
    /// Its reason holds these words.
    #[serde(default)]
    because: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Happens {
    what: String,
    of: String,
    /// In seconds.
    #[serde(default)]
    at: Option<[u64; 2]>,
    /// Somebody saw it at that second, looking every so many seconds.
    #[serde(default)]
    seen: Option<[u64; 2]>,
}

fn set(lab: &mut Value, path: &str, value: &Value) {
    let mut at = lab;
    let parts: Vec<&str> = path.split('/').collect();
    let (last, before) = parts.split_last().unwrap();
    for part in before {
        at = at
            .as_object_mut()
            .unwrap_or_else(|| panic!("{path}"))
            .entry(*part)
            .or_insert_with(|| Value::Object(serde_json::Map::default()));
    }
    let object = at.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(*last);
    } else {
        object.insert((*last).to_owned(), value.clone());
    }
}

fn report(case: &Case, lab: &Value) -> Report {
    let mut lab = lab.clone();
    for (path, value) in &case.with {
        set(&mut lab, path, value);
    }
    let lab: model::lab::Lab =
        serde_json::from_value(lab).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let model = Model::new(World::of(Input {
        lab: &lab,
        manifests: &case.manifests,
    }));
    let world = &model.world;
    let question = Question {
        off: case.off.clone(),
        fail: case.fail.clone(),
        at: case.at,
        graceful: case.graceful,
        fenced: case.fenced,
        drained: case.drained,
        back: case.back.map(|seconds| seconds * 1000),
    };
    let scenario = question.of(world).unwrap();
    Report::of(&mut Asker::new(&model), &scenario)
}

fn differences(case: &Case, report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    for (name, expected) in &case.things {
        match report.thing(name) {
            Some(line) => all.extend(differs(name, expected, line)),
            None => all.push(format!("nothing is told of {name}")),
        }
    }
    for happens in &case.timeline {
        let moment = report
            .timeline
            .iter()
            .find(|moment| moment.what == happens.what && moment.of.contains(&happens.of));
        let Some(moment) = moment else {
            all.push(format!("never: {} {}", happens.of, happens.what));
            continue;
        };
        let at = [moment.at.earliest, moment.at.latest];
        if happens
            .at
            .is_some_and(|wanted| wanted.map(|s| s * 1000) != at)
        {
            all.push(format!("{} {} at {at:?}", happens.of, happens.what));
        }
        if let Some([seen, every]) = happens.seen {
            let inside = seen * 1000 >= at[0] && (seen - every) * 1000 <= at[1];
            if !inside {
                all.push(format!(
                    "{} {} at {at:?}, seen at {seen} s",
                    happens.of, happens.what
                ));
            }
        }
    }
    for never in &case.never {
        if report.timeline.iter().any(|moment| moment.what == never) {
            all.push(format!("happens: {never}"));
        }
    }
    all
}

fn differs(name: &str, expected: &Expected, line: &Line) -> Vec<String> {
    let ms = |wanted: [u64; 2]| Some((wanted[0] * 1000, wanted[1] * 1000));
    let of = |span: Option<whatif::span::Span>| span.map(|span| (span.earliest, span.latest));
    let (from, until, partly) = (of(line.from), of(line.until), of(line.partly));
    let checks = [
        ("verdict", line.verdict.word() == expected.verdict),
        (
            "certain",
            expected
                .certain
                .is_none_or(|certain| certain == line.certain),
        ),
        (
            "rule",
            expected
                .rule
                .as_ref()
                .is_none_or(|rule| rule == line.rule.rule().code),
        ),
        (
            "from",
            expected.from.is_none_or(|wanted| ms(wanted) == from),
        ),
        (
            "until",
            expected.until.is_none_or(|wanted| ms(wanted) == until),
        ),
        ("for good", !expected.for_good || until.is_none()),
        (
            "partly",
            expected.partly.is_none_or(|wanted| ms(wanted) == partly),
        ),
        (
            "on",
            expected
                .on
                .as_ref()
                .is_none_or(|on| *on == line.certain_nodes),
        ),
        (
            "one of",
            expected
                .one_of
                .as_ref()
                .is_none_or(|of| *of == line.possible_nodes),
        ),
        (
            "because",
            expected
                .because
                .as_ref()
                .is_none_or(|because| line.because.contains(because)),
        ),
    ];
    checks
        .into_iter()
        .filter(|(_, good)| !good)
        .map(|(what, _)| format!("{name}: {what}: {line:?}"))
        .collect()
}

#[test]
fn every_case_comes_out_as_its_source_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let lab = std::fs::read_to_string(here.join("labs/house.yaml")).unwrap();
    let lab: Value = serde_saphyr::from_str(&lab).unwrap();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    let mut cases = 0;
    // Updates are asked with plans: updates.rs has their cases.
    for rule in RULES.iter().filter(|rule| rule.code != "W017") {
        let file = here.join(format!("cases/{}.yaml", rule.code));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{}", file.display()));
        let all: Vec<Case> =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", rule.code));
        assert!(all.len() >= 3, "{} has {} cases", rule.code, all.len());
        for case in all {
            assert!(
                !case.source.is_empty() && names.insert(case.name.clone()),
                "{}",
                case.name
            );
            let checks = case.things.len() + case.timeline.len() + case.never.len();
            assert!(checks > 0, "{} checks nothing", case.name);
            cases += 1;
            for difference in differences(&case, &report(&case, &lab)) {
                wrong.push(format!("{}, {}: {difference}", rule.code, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 60, "{cases} cases");
}
