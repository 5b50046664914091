//! One decision for each wanted thing.

use model::inventory::{Fault, Inventory, Observed, Presence, Remedy};
use model::lab::Role;
use model::plan::{Action, Impact, Reason};
use model::resource::{Address, Kind, Resource, Spec};

use crate::kind::{self, Change};
use crate::{Draft, Wanted, change, remove};

/// Decides about one thing. What it needs has been decided about before.
pub(crate) fn decide(
    resource: &Resource,
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    draft: &mut Draft,
) {
    if on_demand(resource.address.kind) {
        return;
    }
    let address = &resource.address;
    match inventory.things.get(address) {
        None => draft.decide(resource, Action::Create, Impact::None, missing(resource)),
        Some(seen) => match &seen.presence {
            Presence::Foreign { found } => {
                let text = format!("{found}; it does not belong to this lab and is left as it is");
                return draft.note(address, text, true);
            }
            Presence::Unseen { why } => unseen(resource, why, draft),
            // What is due on it is put off, and so is what is due about itself.
            Presence::Off { .. } => return,
            Presence::Ours { made_from, spec } => {
                ours(
                    resource,
                    seen,
                    (made_from.as_ref(), spec.as_deref()),
                    (wanted, inventory),
                    draft,
                );
            }
        },
    }
    if !draft.decisions.contains_key(address) {
        follow(resource, inventory, wanted, draft);
    }
}

/// Why something is made that is not there.
fn missing(resource: &Resource) -> Reason {
    match &resource.spec {
        Spec::Fence(fence) => Reason::HostOff {
            host: fence.host.clone(),
        },
        _ => Reason::Missing,
    }
}

fn ours(
    resource: &Resource,
    seen: &Observed,
    (made_from, old): (Option<&model::digest::Digest>, Option<&Spec>),
    (wanted, inventory): (&Wanted<'_>, &Inventory),
    draft: &mut Draft,
) {
    let address = &resource.address;
    let Some(made_from) = made_from else {
        let reason = match told(&seen.faults) {
            what if what.is_empty() => Reason::Unfinished,
            what => Reason::Faulty { what },
        };
        return draft.decide(resource, Action::Update, Impact::None, reason);
    };
    if *made_from != resource.digest() {
        let fields = old.map_or_else(Vec::new, |old| change::fields(old, &resource.spec));
        match kind::changed(wanted, inventory, resource, old) {
            Change::Act(action, impact) => {
                draft.decide(resource, action, impact, Reason::Changed { fields });
            }
            Change::Leave(text) => draft.note(address, text, false),
            Change::Refuse(text) => draft.note(address, text, true),
        }
        if draft.decisions.contains_key(address) {
            return;
        }
    }
    mend(resource, &seen.faults, wanted, draft);
}

/// What is wrong, each with its cause.
fn told(faults: &[Fault]) -> Vec<String> {
    let fault = |fault: &Fault| match &fault.cause {
        Some(cause) => format!("{} ({cause})", fault.what),
        None => fault.what.clone(),
    };
    faults.iter().map(fault).collect()
}

fn mend(resource: &Resource, faults: &[Fault], wanted: &Wanted<'_>, draft: &mut Draft) {
    let what = told(faults);
    match faults.iter().map(|fault| fault.remedy).max() {
        None => {}
        // What it waits for is mended now; whether it then comes right is seen by applying it.
        Some(Remedy::Wait) => match resource
            .needs
            .iter()
            .find(|need| draft.decisions.contains_key(need))
        {
            Some(step) => {
                let (step, impact) = (step.clone(), kind::mending(resource.address.kind));
                draft.decide(resource, Action::Update, impact, Reason::Follows { step });
            }
            None => draft.note(&resource.address, what.join("; "), false),
        },
        Some(Remedy::Renew) => {
            let reason = Reason::Ending { what };
            draft.decide(resource, Action::Update, Impact::Restart, reason);
        }
        Some(Remedy::Repair) => {
            let impact = kind::mending(resource.address.kind);
            draft.decide(resource, Action::Update, impact, Reason::Faulty { what });
        }
        Some(Remedy::Replace) => {
            let impact = kind::replacing(wanted, resource);
            draft.decide(resource, Action::Replace, impact, Reason::Faulty { what });
        }
    }
}

/// What cannot be seen is applied again, if that is because of something that this plan mends.
fn unseen(resource: &Resource, why: &str, draft: &mut Draft) {
    if resource
        .needs
        .iter()
        .any(|need| draft.decisions.contains_key(need))
    {
        let reason = Reason::Unseen {
            why: why.to_owned(),
        };
        draft.decide(resource, Action::Update, Impact::None, reason);
    } else {
        draft.note(
            &resource.address,
            format!("it cannot be seen: {why}"),
            false,
        );
    }
}

/// Decides about a thing that is well by itself but stands on one that is made anew.
fn follow(resource: &Resource, inventory: &Inventory, wanted: &Wanted<'_>, draft: &mut Draft) {
    let anew = |address: &Address| {
        matches!(
            draft.action(address),
            Some(Action::Create | Action::Replace)
        )
    };
    let cluster_anew = |member: &Address| {
        made_anew(member, draft) && !survives(member, (wanted, inventory), draft)
    };
    let base = match resource.address.kind {
        // Its link ends in the network; its place in the cluster lies on the machine's disk.
        Kind::Machine => resource.needs.iter().find(|need| {
            let link = matches!(need.kind, Kind::Network | Kind::Host);
            link && draft.decisions.contains_key(need)
        }),
        Kind::Host | Kind::Router => resource
            .needs
            .iter()
            .find(|need| draft.decisions.contains_key(need)),
        // A cluster that is made anew knows none of its old nodes.
        Kind::Member => resource.needs.iter().find(|need| {
            let machine = need.kind == Kind::Machine && anew(need);
            machine || (creates_cluster(need, wanted) && cluster_anew(need))
        }),
        // Objects live in etcd, on the member that created the cluster.
        Kind::Component | Kind::App => resource
            .needs
            .iter()
            .find(|need| creates_cluster(need, wanted) && cluster_anew(need)),
        Kind::Connectivity => {
            // Packets cross all of these.
            let underneath = [
                Kind::Network,
                Kind::Router,
                Kind::Host,
                Kind::Machine,
                Kind::Member,
                Kind::Component,
            ];
            if draft
                .decisions
                .keys()
                .any(|address| underneath.contains(&address.kind))
            {
                draft.decide(resource, Action::Update, Impact::None, Reason::Proof);
            }
            return;
        }
        Kind::Artifact | Kind::Image | Kind::Network | Kind::Fence | Kind::Forward => None,
    };
    if let Some(step) = base.cloned() {
        let impact = kind::mending(resource.address.kind);
        draft.decide(resource, Action::Update, impact, Reason::Follows { step });
    }
}

fn creates_cluster(address: &Address, wanted: &Wanted<'_>) -> bool {
    wanted
        .get(address)
        .is_some_and(|resource| matches!(&resource.spec, Spec::Member(member) if member.first))
}

/// Whether a member is made anew, itself or with its machine.
fn made_anew(member: &Address, draft: &Draft) -> bool {
    let machine = Address::new(Kind::Machine, member.name.clone());
    [member, &machine].into_iter().any(|address| {
        matches!(
            draft.action(address),
            Some(Action::Create | Action::Replace)
        )
    })
}

/// Whether a cluster lives on, although the member that created it is made anew: another of its
/// control planes stands and stays.
fn survives(
    first: &Address,
    (wanted, inventory): (&Wanted<'_>, &Inventory),
    draft: &Draft,
) -> bool {
    let cluster = wanted
        .get(first)
        .and_then(|one| remove::cluster_of(&one.spec));
    inventory.things.iter().any(|(address, seen)| {
        let stands = matches!(&seen.presence, Presence::Ours { made_from: Some(_), spec: Some(spec) }
            if matches!(&**spec, Spec::Member(member)
                if member.role == Role::ControlPlane && Some(&member.cluster) == cluster));
        stands && address != first && wanted.contains_key(address) && !made_anew(address, draft)
    })
}

/// Whether things of a kind are made only where a step needs them.
const fn on_demand(kind: Kind) -> bool {
    matches!(kind, Kind::Artifact | Kind::Image)
}

/// Decides about images and artifacts: whatever is missing and a step needs.
pub(crate) fn demand(wanted: &Wanted<'_>, inventory: &Inventory, draft: &mut Draft) {
    for (needing, needed) in [
        (Kind::Machine, Kind::Image),
        (Kind::Router, Kind::Image),
        (Kind::Image, Kind::Artifact),
    ] {
        let demands: Vec<(Address, Address)> = draft
            .decisions
            .values()
            .filter(|decision| decision.resource.address.kind == needing)
            .flat_map(|decision| {
                let step = &decision.resource.address;
                decision
                    .resource
                    .needs
                    .iter()
                    .map(move |need| (need.clone(), step.clone()))
            })
            .filter(|(need, _)| need.kind == needed && !inventory.things.contains_key(need))
            .collect();
        for (need, step) in demands {
            if let (Some(resource), false) =
                (wanted.get(&need), draft.decisions.contains_key(&need))
            {
                let reason = Reason::NeededBy { step };
                draft.decide(resource, Action::Create, Impact::None, reason);
            }
        }
    }
}
