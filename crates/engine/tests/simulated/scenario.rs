//! What a lab was, what happened to it, and what it shall be.

use model::resource::Resource;

use crate::lab::{Lab, at, expand, quickstart};

pub struct Scenario {
    pub name: &'static str,
    before: Vec<Resource>,
    /// Parts that have ended since.
    ended: &'static [(&'static str, &'static str)],
    pub after: Vec<Resource>,
}

impl Scenario {
    /// The lab before the run.
    pub fn lab(&self) -> Lab {
        let lab = Lab::standing(&self.before);
        for (address, part) in self.ended {
            lab.world.end(&at(address), part);
        }
        lab
    }
}

fn edited(edits: &[(&str, &str)]) -> Vec<Resource> {
    let mut text = quickstart();
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    expand(&text)
}

const WORKER_2: &str = "  worker-2:        { cluster: main, role: worker,        on: this-machine, container: { cpu: 2, memory: 2Gi }, address: 10.88.0.22 }\n";

/// The changes that a lab goes through in its life.
pub fn all() -> Vec<Scenario> {
    let stands = || edited(&[]);
    let scenario = |name, before, ended, after| Scenario {
        name,
        before,
        ended,
        after,
    };
    vec![
        scenario("first up", Vec::new(), &[], stands()),
        scenario("down", stands(), &[], Vec::new()),
        scenario("a worker added", edited(&[(WORKER_2, "")]), &[], stands()),
        scenario("a worker removed", stands(), &[], edited(&[(WORKER_2, "")])),
        scenario(
            "a worker renamed at its address",
            stands(),
            &[],
            edited(&[("worker-2: ", "worker-3: ")]),
        ),
        scenario(
            "a worker takes another's address, which moves on",
            stands(),
            &[],
            edited(&[("10.88.0.22", "10.88.0.23"), ("10.88.0.21", "10.88.0.22")]),
        ),
        scenario(
            "sizes, labels and settings changed",
            stands(),
            &[],
            edited(&[
                ("cpu: 2", "cpu: 4"),
                (
                    "memory: 2Gi }, address: 10.88.0.21",
                    "memory: 3Gi }, address: 10.88.0.21, labels: { a: b }",
                ),
                ("replicas: 2", "replicas: 3"),
            ]),
        ),
        scenario(
            "a worker's machine died",
            stands(),
            &[("machine/worker-1", "process")],
            stands(),
        ),
        scenario(
            "a worker's disk lost",
            stands(),
            &[("machine/worker-1", "disk")],
            stands(),
        ),
        scenario(
            "the control plane's disk lost",
            stands(),
            &[("machine/control-plane-1", "disk")],
            stands(),
        ),
        scenario(
            "the network lost",
            stands(),
            &[("network/nodes", "process")],
            stands(),
        ),
        scenario(
            "the way to the API lost while a worker is removed",
            stands(),
            &[("forward/main-api", "process")],
            edited(&[(WORKER_2, "")]),
        ),
        scenario(
            "everything died with the host",
            stands(),
            &[
                ("network/nodes", "process"),
                ("machine/control-plane-1", "process"),
                ("machine/worker-1", "process"),
                ("machine/worker-2", "process"),
                ("forward/main-api", "process"),
                ("forward/podinfo", "process"),
            ],
            stands(),
        ),
    ]
}
