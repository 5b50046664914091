//! `steading rehearse`: the model against a replica. What `whatif` says is laid beside what is
//! measured when the hosts of a replica really go off.

mod observing;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use driver::{Cancel, Progress, StepContext};
use drivers::container::How;
use jiff::Timestamp;
use model::name::Name;
use serde::Serialize;
use whatif::events::Question;
use whatif::rehearsal::{Compared, Seen, compare};
use whatif::semantics::Model;
use whatif::timeline::{Asker, Report};
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
    let report = predicted(&session, arguments)?;
    let mut observer = Observer::new(&session, &hosts);
    let apps = observer.all_well(&cancel)?;
    let change = ChangeArgs {
        rung,
        sources: Sources { artifacts: None },
        yes: true,
        force: Vec::new(),
    };
    let seen = play(
        &session,
        &change,
        (arguments, &hosts),
        &cancel,
        |seen, at| {
            let compared = compare(&report, &apps, seen, lag());
            compared.iter().all(|one| one.fits) && at > changed(seen) + QUIET
                || at > limit(&report, arguments)
        },
    );
    // Whatever happened, the hosts come back.
    for host in &hosts {
        session.container.switch_on(host, &session.scope)?;
    }
    let compared = compare(&report, &apps, &seen?, lag());
    tell("switching on what was off");
    up::start(session, &change, Format::Text, &cancel)?;
    let fits = compared.iter().all(|one| one.fits);
    match format {
        Format::Json => answer_json(&Rehearsed {
            off: &hosts,
            fits,
            compared,
        })?,
        Format::Text => answer(&text(&compared, Style::for_stdout())),
    }
    Ok(match (cancel.requested(), fits) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Refused,
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

fn predicted(session: &Session, arguments: &RehearseArgs) -> anyhow::Result<Report> {
    let manifests = std::collections::BTreeMap::new();
    let model = Model::new(World::of(Input {
        lab: &session.lab,
        manifests: &manifests,
    }));
    let question = Question {
        off: arguments.off.clone(),
        graceful: arguments.graceful,
        fenced: !arguments.without_heal,
        ..Question::default()
    };
    let scenario = question.of(&model.world)?;
    Ok(Report::of(&mut Asker::new(&model), &scenario))
}

/// When the last of what was said has happened.
fn limit(report: &Report, arguments: &RehearseArgs) -> Duration {
    if let Some(limit) = arguments.limit {
        return Duration::from_secs(limit);
    }
    let until = report.things.iter().filter_map(|line| line.until);
    let moments = report.timeline.iter().map(|moment| moment.at);
    let last = until.chain(moments).map(|span| span.latest).max();
    (Duration::from_millis(last.unwrap_or(0)) + QUIET).min(LONGEST)
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

/// Switches the hosts off and watches until there is nothing more to see.
fn play(
    session: &Session,
    change: &ChangeArgs,
    (arguments, hosts): (&RehearseArgs, &[Name]),
    cancel: &Cancel,
    over: impl Fn(&[Seen], Duration) -> bool,
) -> anyhow::Result<Vec<Seen>> {
    let how = match arguments.graceful {
        true => How::Graceful,
        false => How::Cut,
    };
    let heal = HealArgs {
        change: change.clone(),
        watch: true,
        every: 2,
        metrics: None,
        systemd_unit: false,
    };
    let healed = Cancel::default();
    let generation = session.store.generation()?;
    std::thread::scope(|threads| {
        let healing =
            (!arguments.without_heal).then(|| threads.spawn(|| watch::rounds(&heal, &healed)));
        let context = StepContext {
            scope: &session.scope,
            generation,
            cancel,
            progress: &Quiet,
        };
        let began = Instant::now();
        let off = || {
            for host in hosts {
                let now = Timestamp::now();
                session.container.switch_off(host, how, now, &context)?;
                tell(&format!("{host} is off"));
            }
            anyhow::Ok(())
        };
        let mut seen = Vec::new();
        let mut observer = Observer::new(session, hosts);
        let done = off().map(|()| {
            while !cancel.requested() {
                let look = Instant::now();
                seen.push(observer.look(look.duration_since(began)));
                if over(&seen, began.elapsed()) {
                    break;
                }
                std::thread::sleep(PERIOD.saturating_sub(look.elapsed()));
            }
        });
        healed.request();
        if let Some(healing) = healing {
            // It has told what went wrong with it.
            let _ = healing.join();
        }
        done.map(|()| seen)
    })
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
