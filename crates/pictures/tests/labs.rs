//! Pictures of the labs of this repository, and of one whose texts are hostile.

#![expect(clippy::disallowed_methods, reason = "the labs lie in files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::lab::Lab;
use model::source::Source;
use pictures::{Drawn, Scene, State, Step, picture, prove_page, steps, text, whatif_page};
use whatif::events::Question;
use whatif::prove::prove;
use whatif::semantics::Model;
use whatif::timeline::{Asker, Report, Verdict};
use whatif::world::{Input, World};

const LABS: [&str; 5] = ["volatile-talos", "jlh", "skaia", "ducksnest", "quickstart"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn lab(name: &str) -> Lab {
    let path = root().join("labs").join(name).join("lab.yaml");
    read(&std::fs::read_to_string(path).unwrap())
}

fn read(text: &str) -> Lab {
    let source = Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    };
    let reading = model::read::read(&[source]);
    assert_eq!(reading.diagnostics, []);
    reading.lab.unwrap()
}

fn model(lab: &Lab) -> Model {
    Model::new(World::of(Input {
        lab,
        manifests: &BTreeMap::new(),
    }))
}

/// The moments of a question, and its answer.
fn asked(lab: &Lab, off: &str, back: Option<u64>) -> (Scene, Vec<Step>, Report, String) {
    let model = model(lab);
    let question = Question {
        off: vec![off.to_owned()],
        back,
        ..Question::default()
    };
    let scenario = question.of(&model.world).unwrap();
    let report = Report::of(&mut Asker::new(&model), &scenario);
    let drawn = Drawn::new(lab, &model);
    let steps = steps(&drawn.scene, &model, &scenario, &report);
    let page = whatif_page(&drawn, &scenario, &report, &[]);
    (drawn.scene, steps, report, page)
}

#[test]
fn a_lab_as_text() {
    let lab = lab("skaia");
    insta::assert_snapshot!(text(&Scene::of(&lab, &model(&lab))));
}

#[test]
fn every_thing_of_a_lab_is_in_its_picture() {
    for name in LABS {
        let lab = lab(name);
        let model = model(&lab);
        let scene = Scene::of(&lab, &model);
        let (drawing, letters) = (picture(&scene), text(&scene));
        let hosts = lab.hosts.keys().map(ToString::to_string);
        let nodes = lab.nodes.keys().map(ToString::to_string);
        let rest = lab
            .networks
            .keys()
            .chain(lab.storage.keys())
            .map(ToString::to_string);
        let workloads = model
            .world
            .workloads
            .iter()
            .map(|(_, one)| one.name.clone());
        for thing in hosts.chain(nodes).chain(rest).chain(workloads) {
            assert!(drawing.contains(&thing), "{name}: {thing} is drawn");
            assert!(letters.contains(&thing), "{name}: {thing} is in the text");
        }
        assert_eq!(
            drawing,
            picture(&Scene::of(&lab, &model)),
            "the same every time"
        );
    }
}

#[test]
fn the_picture_in_the_readme_is_of_its_lab() {
    let lab = lab("volatile-talos");
    let drawn = picture(&Scene::of(&lab, &model(&lab)));
    let file = root().join("docs/pictures/volatile-talos.svg");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &drawn).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        drawn,
        "run UPDATE_DOCS=1 cargo test -p pictures"
    );
}

#[test]
fn things_go_and_come_back_as_the_answer_says() {
    for name in LABS {
        let lab = lab(name);
        for host in lab.hosts.keys() {
            let (scene, steps, report, _) = asked(&lab, host.as_str(), Some(3_600_000));
            let at = |step: &Step, name: &str| {
                let found = scene.parts.iter().position(|part| part.name == name);
                step.states[found.unwrap()]
            };
            let (first, now, last) = (&steps[0], &steps[1], steps.last().unwrap());
            assert!(
                first.states.iter().all(|state| *state == State::Fine),
                "{name}"
            );
            assert_eq!(now.at, Some(0));
            assert_eq!(at(now, host.as_str()), State::Off, "{name}: {host}");
            assert_eq!(at(last, host.as_str()), State::Fine, "{name}: {host}");
            for (position, line) in report.things.iter().enumerate() {
                let stays = line.verdict == Verdict::Stays && line.from.is_none();
                for step in &steps {
                    let state = step.things[position];
                    let calm = matches!(state, State::Fine | State::Shaky);
                    assert!(calm || !stays, "{name}: {} stays: {state:?}", line.thing);
                }
                // What is unknown is never shown as up.
                if line.verdict == Verdict::Unknown {
                    assert_eq!(now.things[position], State::Unknown, "{}", line.thing);
                }
                if let (Some(until), true) = (line.until, line.verdict != Verdict::Unknown) {
                    let step = steps.iter().rfind(|step| step.at >= Some(until.latest));
                    if let Some(step) = step {
                        let state = step.things[position];
                        let there = matches!(state, State::Fine | State::Moved | State::Shaky);
                        assert!(there, "{name}: {} is there again: {state:?}", line.thing);
                    }
                }
            }
        }
    }
}

#[test]
fn pages_load_nothing_and_allow_only_their_own() {
    let lab = lab("jlh");
    let model = model(&lab);
    let input = Input {
        lab: &lab,
        manifests: &BTreeMap::new(),
    };
    let proof = prove_page(&Drawn::new(&lab, &model), &prove(&model, input));
    let (_, _, _, answer) = asked(&lab, "x86", None);
    for page in [&proof, &answer] {
        assert!(
            page.contains("default-src 'none'; style-src 'sha256-"),
            "its policy"
        );
        for loads in [
            "http://", "https://", "src=", "url(", "@import", " style=", " onclick",
        ] {
            let found = page
                .find(loads)
                .map(|at| &page[at..page.len().min(at + 60)]);
            assert_eq!(found, None, "{loads}");
        }
    }
    assert!(proof.contains("script-src 'none'"));
}

#[test]
fn hostile_texts_are_texts() {
    let evil = "</title></script><svg onload=alert(1)>&\\\"'";
    let lab = read(&format!(
        "lab: hostile\nhosts: {{ one: {{ access: local, model: \"{evil}\" }} }}\n\
         clusters: {{ main: {{ distribution: {{ kubeadm: {{ kubernetes: 1.36.3 }} }}, \
         pods: 10.244.0.0/16, services: 10.96.0.0/16, cni: {{ flannel: {{}} }} }} }}\n\
         networks: {{ nodes: {{ cidr: 10.88.0.0/24 }} }}\n\
         nodes: {{ cp: {{ cluster: main, role: control-plane, on: one, address: 10.88.0.11, \
         container: {{ cpu: 2, memory: 2Gi }} }} }}\n\
         promises: [ {{ when: {{ off: \"{evil}\" }}, stays: [ \"{evil}\" ], because: \"{evil}\" }} ]\n"
    ));
    let model = model(&lab);
    let input = Input {
        lab: &lab,
        manifests: &BTreeMap::new(),
    };
    let proof = prove_page(&Drawn::new(&lab, &model), &prove(&model, input));
    let (scene, _, _, answer) = asked(&lab, "one", None);
    for page in [picture(&scene), proof, answer] {
        assert!(
            page.contains("&lt;svg onload=alert(1)&gt;"),
            "it is there, as text"
        );
        assert!(!page.contains("<svg onload"), "{page}");
    }
    let mut lab = lab;
    let host = lab.hosts.values_mut().next().unwrap();
    host.model = Some("red\u{1b}[31m\u{7}".to_owned());
    let shown = text(&Scene::of(&lab, &self::model(&lab)));
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{7}'),
        "{shown}"
    );
}
