//! The labs of this repository: what they promise, and whether it holds.

#![expect(clippy::disallowed_methods, reason = "the labs lie in files")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model::lab::{AppSource, Lab};
use model::source::Source;
use serde_json::Value;
use whatif::events::Question;
use whatif::prove::{Kept, prove};
use whatif::search::suggestions;
use whatif::semantics::Model;
use whatif::timeline::{Asker, Report};
use whatif::world::{Input, World};

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs")
}

fn read(file: &str) -> (Lab, BTreeMap<String, Vec<Value>>) {
    let path = labs().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let name = path.display().to_string();
    let lab = model::read::read(&[Source { name, text }]).lab.unwrap();
    let mut manifests = BTreeMap::new();
    for (name, app) in &lab.apps {
        let Some(AppSource::Manifests(folder)) = app.source() else {
            continue;
        };
        let Ok(files) = path.parent().unwrap().join(folder).read_dir() else {
            continue;
        };
        let mut objects = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            objects.extend(catalog::documents(&text).unwrap());
        }
        manifests.insert(name.to_string(), objects);
    }
    (lab, manifests)
}

/// The verdicts of a lab's promises.
fn verdicts(file: &str) -> String {
    let (lab, manifests) = read(file);
    let input = Input {
        lab: &lab,
        manifests: &manifests,
    };
    let proof = prove(&Model::new(World::of(input)), input);
    let mut text = String::new();
    for promise in &proof.promises {
        writeln!(text, "{}", promise.when).unwrap();
        for stay in &promise.stays {
            let with = stay.counterexample.join(" and ");
            write!(text, "  {}: {:?}", stay.what, stay.kept).unwrap();
            if !with.is_empty() {
                write!(text, " with {with} off").unwrap();
            }
            if stay.certain == Some(false) {
                write!(text, ", perhaps").unwrap();
            }
            if let (Kept::Holds, Some(away)) = (stay.kept, stay.away) {
                write!(text, ", away for up to {away}").unwrap();
            }
            writeln!(text).unwrap();
            for why in &stay.why {
                writeln!(text, "    {why}").unwrap();
            }
            for suggestion in &stay.suggestions {
                writeln!(text, "    would help: {}", suggestion.change).unwrap();
            }
            let few: Vec<&str> = stay.cuts.iter().take(5).map(String::as_str).collect();
            if !few.is_empty() {
                writeln!(text, "    without: {}", few.join("; ")).unwrap();
            }
        }
    }
    text
}

macro_rules! lab {
    ($($name:ident $file:literal)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(verdicts($file));
        }
    )*};
}

lab! {
    volatile_talos "volatile-talos/lab.yaml"
    volatile_talos_as_published "volatile-talos/as-published.yaml"
    skaia "skaia/lab.yaml"
    skaia_as_published "skaia/as-published.yaml"
    jlh "jlh/lab.yaml"
    jlh_as_published "jlh/as-published.yaml"
    ducksnest "ducksnest/lab.yaml"
    ducksnest_as_published "ducksnest/as-published.yaml"
}

fn ask(file: &str, question: &Question) -> (Report, Vec<String>) {
    let (lab, manifests) = read(file);
    let input = Input {
        lab: &lab,
        manifests: &manifests,
    };
    let model = Model::new(World::of(input));
    let scenario = question.of(&model.world).unwrap();
    let report = Report::of(&mut Asker::new(&model), &scenario);
    let changes = suggestions(input, question, None);
    (report, changes.into_iter().map(|one| one.change).collect())
}

#[test]
fn what_would_help_is_told_and_verified() {
    let question = Question {
        off: vec!["vantas".to_owned()],
        ..Question::default()
    };
    let (report, changes) = ask("skaia/lab.yaml", &question);
    let line = report.thing("git-server").unwrap();
    assert!(
        line.because.contains("repositories stays attached"),
        "{line:?}"
    );
    let wanted = "keep the volume repositories of git-server in ceph.cephfs";
    assert!(changes.iter().any(|change| change == wanted), "{changes:?}");
}

#[test]
fn a_control_plane_is_moved_to_a_host_that_stays() {
    let question = Question {
        off: vec!["gamer".to_owned(), "nuc2".to_owned()],
        ..Question::default()
    };
    let (report, changes) = ask("volatile-talos/as-published.yaml", &question);
    assert_eq!(report.thing("api").unwrap().verdict.word(), "down");
    assert!(
        changes.contains(&"move the control plane talos03 to nuc3, which is always on".to_owned()),
        "{changes:?}"
    );
    let (report, _) = ask("volatile-talos/lab.yaml", &question);
    assert_eq!(report.thing("api").unwrap().verdict.word(), "stays");
}

/// The lab of the golden cases, with fields that are different.
fn house(with: &[(&str, serde_json::Value)]) -> Lab {
    let text = include_str!("labs/house.yaml");
    let mut lab: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    for (pointer, value) in with {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        lab.pointer_mut(parent).unwrap()[field] = value.clone();
    }
    serde_json::from_value(lab).unwrap()
}

#[test]
fn a_toleration_helps_where_only_a_tainted_desktop_is_left() {
    let tainted = serde_json::json!([{ "key": "volatile", "effect": "NoSchedule" }]);
    let only = serde_json::json!({ "nodes": ["w1", "w4"] });
    let lab = house(&[
        ("/nodes/w4/taints", tainted),
        ("/apps/notes/placement", only),
    ]);
    let manifests = std::collections::BTreeMap::new();
    let input = Input {
        lab: &lab,
        manifests: &manifests,
    };
    let question = Question {
        off: vec!["nuc1".to_owned()],
        ..Question::default()
    };
    let all = suggestions(input, &question, Some(&["notes".to_owned()]));
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(
        all[0].write,
        [(
            "apps.notes.placement.volatile".to_owned(),
            "true".to_owned()
        )]
    );
    assert_eq!(all[0].becomes.word(), "moves");
}
