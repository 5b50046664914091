//! `steading heal --watch`: observe, plan and apply, again and again.
//!
//! Each round is what `steading heal` does, under the same lock, so a person's `up` and this never
//! run at once. It writes down what it decides and why, holds back from what it has just tried
//! several times, and never does by itself what deletes data.

mod metrics;
mod restraint;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use driver::{Cancel, DriverError};
use engine::{Engine, EngineError, RunLog as _, StoredLog};
use jiff::Timestamp;
use model::event::{Event, Outcome};
use model::plan::{Impact, Plan, Step};
use store::StoreError;

use crate::args::HealArgs;
use crate::commands::{restore, review, snapshot};
use crate::exit::Exit;
use crate::output::{answer, tell};
use crate::session::{self, Checked, Session};
use crate::signals;
use crate::snapshots::{self, Empty};
use metrics::Metrics;
use restraint::Restraint;

/// How often an interruption is looked for.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) fn run(arguments: &HealArgs) -> anyhow::Result<Exit> {
    rounds(arguments, &*signals::listen()?)
}

/// Round after round, until it is asked to end.
pub(crate) fn rounds(arguments: &HealArgs, cancel: &Cancel) -> anyhow::Result<Exit> {
    let metrics = Metrics::default();
    if let Some(address) = arguments.metrics {
        let bound = metrics.serve(address)?;
        tell(&format!("metrics on http://{bound}/metrics"));
    }
    let every = Duration::from_secs(arguments.every);
    let mut watch = Watch {
        arguments,
        metrics,
        restraint: Restraint::default(),
        said: String::new(),
    };
    tell(&format!(
        "watching, every {} s; Ctrl-C ends it",
        every.as_secs()
    ));
    while !cancel.requested() {
        let began = Instant::now();
        if let Err(error) = watch.round(cancel) {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            watch.metrics.failed_round();
            watch.say(None, &causes.join(": "));
        }
        watch.metrics.round(began.elapsed(), Timestamp::now());
        while began.elapsed() < every && !cancel.requested() {
            std::thread::sleep(GLANCE);
        }
    }
    Ok(Exit::Done)
}

/// A systemd unit that runs the same command.
pub(crate) fn unit(arguments: &HealArgs) -> anyhow::Result<Exit> {
    let program = std::env::current_exe().context("finding this program's own file")?;
    let rung = arguments.change.rung.which();
    let lab = std::fs::canonicalize(rung.path)
        .with_context(|| format!("finding {}", rung.path.display()))?;
    let replica = if rung.replica { " --replica" } else { "" };
    let metrics = arguments
        .metrics
        .map_or_else(String::new, |at| format!(" --metrics {at}"));
    let [program, lab] = [program, lab].map(|path| quoted(&path.display().to_string()));
    answer(&format!(
        "[Unit]\n\
         Description=Steading keeps {lab} as declared\n\
         After=network-online.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         ExecStart={program} heal --watch --every {}{metrics}{replica} {lab}\n\
         Restart=on-failure\n\
         # What it started goes on when it ends: machines are no children of a service.\n\
         KillMode=process\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        arguments.every
    ));
    Ok(Exit::Done)
}

/// A word as unit files take it. Source: systemd.service(5), "Command lines".
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('%', "%%").replace('$', "$$"))
}

struct Watch<'a> {
    arguments: &'a HealArgs,
    metrics: Metrics,
    restraint: Restraint,
    /// What was said last while nothing was done: said once, not every few seconds.
    said: String,
}

impl Watch<'_> {
    fn round(&mut self, cancel: &Cancel) -> anyhow::Result<()> {
        let rung = self.arguments.change.rung.which();
        let checked = match rung.replica {
            true => session::check_replica(rung.path)?,
            false => session::check(rung.path)?,
        };
        if let Some(why) = unusable(&checked) {
            self.say(None, why);
            return Ok(());
        }
        let artifacts = self.arguments.change.sources.artifacts.as_deref();
        let session = Session::open(checked, artifacts)?;
        let lock = match session
            .store
            .lock("steading heal --watch", Timestamp::now())
        {
            Ok(lock) => lock,
            Err(error @ StoreError::Held(_)) => {
                self.say(Some(&session), &format!("stands back: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.under_lock(&session, &StoredLog::open(&session.store, &lock)?, cancel)
    }

    /// A round, once nobody else works on the lab.
    fn under_lock(
        &mut self,
        session: &Session,
        log: &StoredLog<'_>,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let off = session.container.switched_off(&session.scope);
        let round = Cancel::default();
        let engine = session.engine(&round);
        for wanted in restore::begun(session)? {
            let text = format!("goes on with the restore of {}", wanted.snapshot);
            self.write(Some(session), &text);
            let mut apply = |plan: &Plan| Ok(engine.apply(plan, log, &mpsc::channel().0)?);
            restore::put_back(session, &wanted, (&engine, log), cancel, &mut apply)?;
        }
        let Some(plan) = self.decided(session, &engine, log)? else {
            return Ok(());
        };
        if plan.is_empty() {
            for taken in snapshot::take_due(session, cancel)? {
                self.write(Some(session), &format!("took snapshot {taken}"));
            }
            return Ok(());
        }
        session.lock.save().map_err(DriverError::from)?;
        let over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // What waits for a host that is gone by now would wait in vain, and what
                    // could move meanwhile would wait for it.
                    let moved = session.container.switched_off(&session.scope) != off;
                    if (moved || cancel.requested()) && !round.requested() {
                        round.request();
                    }
                    std::thread::sleep(GLANCE);
                }
            });
            let done = self.carry_out(session, &engine, log, &plan);
            over.store(true, Ordering::Relaxed);
            done
        })
    }

    /// What is to be done now, which is told where it is nothing; `None` where the plan is refused.
    fn decided(
        &mut self,
        session: &Session,
        engine: &Engine<'_>,
        log: &StoredLog<'_>,
    ) -> anyhow::Result<Option<Plan>> {
        let inventory = engine.observe(session.resources())?;
        let generation = log.generation()?;
        let forced = self.arguments.change.force.iter().cloned().collect();
        let plan = review::planned(session, engine, generation, &inventory, &forced).plan;
        self.metrics.due(plan.steps.len());
        match engine.admit(&plan, generation, &inventory) {
            Err(EngineError::Refused(note)) => {
                let text = format!("does nothing: {}: {}", note.address, note.text);
                self.say(Some(session), &text);
                Ok(None)
            }
            other => {
                other?;
                if plan.is_empty() {
                    self.say(Some(session), &nothing_to_do(&plan));
                    return Ok(Some(plan));
                }
                let empty = snapshots::begun_empty(session, &plan)?;
                Ok(Some(self.held_back(session, &plan, &empty)))
            }
        }
    }

    /// The plan without what is not to be done now. Whether a cluster begins empty or goes back to a
    /// snapshot, a person says.
    fn held_back(&mut self, session: &Session, plan: &Plan, empty: &[Empty]) -> Plan {
        let now = Instant::now();
        let mut left = std::collections::BTreeSet::new();
        let mut why = Vec::new();
        for step in &plan.steps {
            if step.impact == Impact::Wipe {
                why.push(format!(
                    "{} would delete data: say steading up",
                    step.address
                ));
            } else if let Some(one) = empty.iter().find(|one| one.member == step.address) {
                why.push(format!(
                    "cluster {} would begin empty: say steading restore {}, or steading up",
                    one.cluster, one.snapshot
                ));
            } else if !self.restraint.allows(&step.address, now) {
                why.push(format!("{} was tried often enough for now", step.address));
            } else {
                continue;
            }
            left.insert(step.address.clone());
        }
        if !why.is_empty() {
            self.say(Some(session), &format!("leaves alone: {}", why.join("; ")));
        }
        plan.without(&left)
    }

    fn carry_out(
        &mut self,
        session: &Session,
        engine: &Engine<'_>,
        log: &StoredLog<'_>,
        plan: &Plan,
    ) -> anyhow::Result<()> {
        for step in &plan.steps {
            self.write(Some(session), &intent(step));
            self.restraint.tried(&step.address, Instant::now());
        }
        let (sender, events) = mpsc::channel();
        let done = engine.apply(plan, log, &sender);
        drop(sender);
        for event in events {
            if let Event::StepFinished {
                address,
                outcome,
                took,
            } = event
            {
                self.metrics.step(&outcome);
                let how = match &outcome {
                    Outcome::Done => "done".to_owned(),
                    Outcome::AlreadyDone => "was done already".to_owned(),
                    Outcome::Failed { causes, .. } => format!("FAILED: {}", causes.join(": ")),
                    Outcome::Skipped { .. } => "not run".to_owned(),
                };
                let seconds = took.as_secs_f32();
                self.write(Some(session), &format!("{address}: {how} ({seconds:.1} s)"));
            }
        }
        self.said.clear();
        done?;
        Ok(())
    }

    /// Says something once, until something else is to be said.
    fn say(&mut self, session: Option<&Session>, text: &str) {
        if self.said != text {
            self.write(session, text);
            text.clone_into(&mut self.said);
        }
    }

    /// Writes a line to the terminal and to the decision log.
    fn write(&self, session: Option<&Session>, text: &str) {
        let now = Timestamp::now();
        let line = format!("{} {text}", now.strftime("%Y-%m-%d %H:%M:%SZ"));
        tell(&line);
        // A log that cannot be written must not keep the lab from being mended.
        if let Some(session) = session {
            let _ = session.store.decided(&line);
        }
    }
}

/// Why a plan has no steps, in words.
fn nothing_to_do(plan: &Plan) -> String {
    let notes: Vec<String> = plan
        .notes
        .iter()
        .map(|note| format!("{}: {}", note.address, note.text))
        .collect();
    match notes.as_slice() {
        [] => "everything is as declared".to_owned(),
        notes => notes.join("; "),
    }
}

fn intent(step: &Step) -> String {
    format!("{} {}: {}", step.action.symbol(), step.address, step.reason)
}

/// Why a lab file is not carried out.
fn unusable(checked: &Checked) -> Option<&'static str> {
    if checked.refused() || checked.lab.is_none() {
        return Some("does nothing: the lab file has errors; steading check tells them");
    }
    let beyond = !checked.beyond.is_empty();
    beyond.then_some("does nothing: the lab declares what this version does not carry out")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn paths_reach_systemd_as_they_are() {
        assert_eq!(quoted("/srv/lab-1.2"), "/srv/lab-1.2");
        assert_eq!(quoted("/srv/my lab"), "\"/srv/my lab\"");
        assert_eq!(quoted("/a\"$b%c"), "\"/a\\\"$$b%%c\"");
    }
}
