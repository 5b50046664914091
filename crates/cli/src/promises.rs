//! The promises of a lab, judged by the failure model for `check`.

use std::path::Path;

use check::{Judged, Verdict};
use model::lab::Lab;
use whatif::prove::{Kept, Stay, judge};
use whatif::semantics::Model;
use whatif::world::{Input, World};

use crate::session;

/// What of the promises does not hold for certain.
pub(crate) fn judged(root: &Path, lab: &Lab) -> Vec<Judged> {
    if lab.promises.is_empty() {
        return Vec::new();
    }
    let manifests = session::objects(root, lab);
    let world = World::of(Input {
        lab,
        manifests: &manifests,
    });
    let proof = judge(&Model::new(world), lab);
    let promises = proof.promises.into_iter().enumerate();
    let stays = promises.flat_map(|(promise, proven)| {
        let stays = proven.stays.into_iter().enumerate();
        stays.filter_map(move |(at, stay)| one(promise, at, stay))
    });
    stays.collect()
}

fn one(promise: usize, at: usize, stay: Stay) -> Option<Judged> {
    let verdict = match stay.kept {
        Kept::Holds => return None,
        Kept::SaysNothing => Verdict::SaysNothing,
        Kept::Unknown => Verdict::Unknown,
        Kept::Breaks => Verdict::Breaks {
            certain: stay.certain != Some(false),
        },
    };
    Some(Judged {
        promise,
        stay: at,
        verdict,
        counterexample: stay.counterexample,
        why: stay.why,
    })
}
