//! `steading rehearse`: the model against a replica. What `whatif` says is laid beside what is
//! measured when the hosts of a replica really go off.

mod observing;

use std::collections::BTreeMap;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use driver::{Cancel, Progress, StepContext};
use drivers::container::How;
use jiff::Timestamp;
use model::name::Name;
use serde::Serialize;
use whatif::events::Question;
use whatif::rehearsal::{Compared, Prediction, Seen};
use whatif::world::{Input, World};

use crate::args::{ChangeArgs, Format, HealArgs, LabArg, RehearseArgs, RungArg, Sources};
use crate::commands::{check, up, watch};
use crate::exit::Exit;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::Session;
use crate::signals;
use observing::Observer;

/// Between two looks at the cluster.
const PERIOD: Duration = Duration::from_millis(300);
/// After the truth something is seen at the latest: a look, and a round of the API server's caches.
const LAG: Duration = Duration::from_millis(1500);
/// So long nothing more has happened, and all is as it was said: there is nothing more to see.
const QUIET: Duration = Duration::from_secs(12);
/// No failure is watched for longer unless it is asked for.
const LONGEST: Duration = Duration::from_secs(600);

/// What a rehearsal answers to programs.
#[derive(Debug, Serialize)]
struct Rehearsed<'a> {
    off: &'a [Name],
    fits: bool,
    compared: Vec<Compared>,
}

struct Quiet;

impl Progress for Quiet {
    fn doing(&self, _: &str) {}
}

pub(crate) fn run(arguments: &RehearseArgs, format: Format) -> anyhow::Result<Exit> {
    let cancel = signals::listen()?;
    let rung = RungArg {
        lab: LabArg {
            lab: arguments.lab.lab.clone(),
        },
        replica: true,
    };
    let Some(checked) = check::usable(rung.which())? else {
        return Ok(Exit::Refused);
    };
    let session = Session::open(checked, None)?;
    let hosts = hosts(&session, &arguments.off)?;
    let observer = Observer::new(&session, &hosts);
    let prediction = predicted(&session, arguments, observer.all_well(&cancel)?)?;
    let change = ChangeArgs {
        rung,
        sources: Sources { artifacts: None },
        yes: true,
        force: Vec::new(),
    };
    let limit = limit(&prediction, arguments);
    let seen = play(
        (&session, &observer),
        &change,
        (arguments, &hosts),
        &cancel,
        |seen, at| {
            let fit = || prediction.compare(seen, lag()).iter().all(|one| one.fits);
            at > limit || at > changed(seen) + QUIET && fit()
        },
    );
    // Whatever happened, the hosts come back.
    for host in &hosts {
        session.container.switch_on(host, &session.scope)?;
    }
    let seen = seen?;
    let mut compared = prediction.compare(&seen, lag());
    let watched = seen.last().map_or(0, |last| last.at);
    compared.retain(|one| one.is_decided(watched));
    tell("switching on what was off");
    let back = up::start(session, &change, None, &cancel);
    let fits = compared.iter().all(|one| one.fits);
    match format {
        Format::Json => answer_json(&Rehearsed {
            off: &hosts,
            fits,
            compared,
        })?,
        Format::Text => answer(&text(&compared, Style::for_stdout())),
    }
    Ok(match (cancel.requested(), back?, fits) {
        (true, ..) => Exit::Interrupted,
        (false, Exit::Done, true) => Exit::Done,
        (false, Exit::Done, false) => Exit::Refused,
        (false, other, _) => other,
    })
}

fn lag() -> u64 {
    u64::try_from(LAG.as_millis()).unwrap_or(u64::MAX)
}

/// The hosts by their names, all of which are on.
fn hosts(session: &Session, named: &[String]) -> anyhow::Result<Vec<Name>> {
    let off = session.container.switched_off(&session.scope);
    if let Some(host) = off.first() {
        anyhow::bail!("{host} is off already; steading on {host} switches it on");
    }
    let known = || {
        let names: Vec<&str> = session.lab.hosts.keys().map(Name::as_str).collect();
        names.join(", ")
    };
    let find = |named: &String| {
        let mut hosts = session.lab.hosts.keys();
        let host = hosts.find(|host| host.as_str() == named).cloned();
        host.with_context(|| format!("the replica has no host {named}; it has: {}", known()))
    };
    named.iter().map(find).collect()
}

/// What the model says, where apps have pods that serve at so many places.
fn predicted(
    session: &Session,
    arguments: &RehearseArgs,
    before: BTreeMap<String, Vec<String>>,
) -> anyhow::Result<Prediction> {
    let world = World::of(Input {
        lab: &session.lab,
        manifests: &BTreeMap::new(),
    });
    let question = Question {
        off: arguments.off.clone(),
        graceful: arguments.graceful,
        fenced: !arguments.without_heal,
        ..Question::default()
    };
    Ok(Prediction::of(world, &question, before)?)
}

/// When the last of what was said has happened.
fn limit(prediction: &Prediction, arguments: &RehearseArgs) -> Duration {
    match arguments.limit {
        Some(limit) => Duration::from_secs(limit),
        None => (Duration::from_millis(prediction.last()) + QUIET).min(LONGEST),
    }
}

/// When something else than before was seen for the last time.
fn changed(seen: &[Seen]) -> Duration {
    let same = |one: &Seen, other: &Seen| {
        (one.answered, &one.missed, &one.serving) == (other.answered, &other.missed, &other.serving)
    };
    let last = seen.windows(2).rev().find_map(|pair| match pair {
        [before, now] if !same(before, now) => Some(now.at),
        _ => None,
    });
    Duration::from_millis(last.unwrap_or(0))
}

/// Switches the hosts off, while the lab is healed, and watches until there is nothing more to see.
fn play(
    (session, observer): (&Session, &Observer<'_>),
    change: &ChangeArgs,
    (arguments, hosts): (&RehearseArgs, &[Name]),
    cancel: &Cancel,
    over: impl Fn(&[Seen], Duration) -> bool,
) -> anyhow::Result<Vec<Seen>> {
    let how = match arguments.graceful {
        true => How::Graceful,
        false => How::Cut,
    };
    let context = StepContext {
        scope: &session.scope,
        generation: session.store.generation()?,
        cancel,
        progress: &Quiet,
    };
    let one_off = &|host: &Name| {
        let now = Timestamp::now();
        session.container.switch_off(host, how, now, &context)?;
        tell(&format!("{host} is off"));
        anyhow::Ok(())
    };
    // All at once: one event.
    let off = || {
        std::thread::scope(|threads| {
            let switching: Vec<_> = hosts
                .iter()
                .map(|host| threads.spawn(move || one_off(host)))
                .collect();
            let done: Vec<_> = switching.into_iter().map(joined).collect();
            done.into_iter().collect::<anyhow::Result<()>>()
        })
    };
    let heal = HealArgs {
        change: change.clone(),
        watch: true,
        every: 2,
        metrics: None,
        systemd_unit: false,
    };
    let healed = Cancel::default();
    std::thread::scope(|threads| {
        let healing =
            (!arguments.without_heal).then(|| threads.spawn(|| watch::rounds(&heal, &healed)));
        let began = Instant::now();
        // A host that is shut down takes its time, and things happen meanwhile.
        let seen = look_on(observer, began, threads.spawn(off), cancel, over);
        healed.request();
        if let Some(healing) = healing {
            // It has told what went wrong with it.
            let _ = healing.join();
        }
        seen
    })
}

/// Looks again and again, until hosts were switched off and it is over.
fn look_on(
    observer: &Observer<'_>,
    began: Instant,
    switching: ScopedJoinHandle<'_, anyhow::Result<()>>,
    cancel: &Cancel,
    over: impl Fn(&[Seen], Duration) -> bool,
) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut switching = Some(switching);
    while !cancel.requested() {
        let look = Instant::now();
        seen.push(observer.look(look.duration_since(began)));
        if let Some(switched) = switching.take_if(|switching| switching.is_finished()) {
            joined(switched)?;
        }
        if switching.is_none() && over(&seen, began.elapsed()) {
            break;
        }
        std::thread::sleep(PERIOD.saturating_sub(look.elapsed()));
    }
    switching.map_or(Ok(()), joined)?;
    Ok(seen)
}

fn joined(switching: ScopedJoinHandle<'_, anyhow::Result<()>>) -> anyhow::Result<()> {
    let ended = |_| anyhow::anyhow!("what switches hosts off has ended too early");
    switching.join().map_err(ended)?
}

fn text(compared: &[Compared], style: Style) -> String {
    let mut text = String::new();
    for one in compared {
        let mark = match one.fits {
            true => style.good("✓"),
            false => style.bad("✗"),
        };
        let code = style.dim(one.rule.rule().code);
        text.push_str(&format!("{mark} {}  {code}\n", style.bold(&one.thing)));
        text.push_str(&format!("    said:     {}\n", one.predicted));
        text.push_str(&format!("    measured: {}\n", one.measured));
    }
    let misses = compared.iter().filter(|one| !one.fits).count();
    let all = compared.len();
    text.push_str(&match misses {
        0 => format!("\nAll {all} are as the model said.\n"),
        _ => format!("\n{misses} of {all} are not as the model said.\n"),
    });
    text
}
