//! `steading up`, `heal` and `down`: what changes a lab.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use driver::{Cancel, DriverError};
use engine::{Engine, EngineError, Report, RunLog as _, StoredLog};
use jiff::Timestamp;
use model::event::Outcome;
use model::inventory::{Fault, Inventory, Observed, Presence, Remedy};
use model::lab::Role;
use model::plan::{Action, Impact, Plan, Step};
use model::resource::{Address, NodeMachine, Resource, Spec};
use store::Lock;
use whatif::steps::Reviewed;

use crate::args::{ChangeArgs, Format, HealArgs, UpArgs};
use crate::commands::{check, plan, restore, review, snapshot, status, watch};
use crate::exit::Exit;
use crate::output::progress::Progress;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::Session;
use crate::{signals, snapshots};

/// How often a run is followed by another look before what is still not right is only told.
const ROUNDS: usize = 3;
/// How long is waited for what comes right by itself once a run is over: kubelet tells every ten
/// seconds how its node is.
const SETTLE: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// What a changing command is about.
pub(crate) struct Change<'a> {
    pub(crate) session: Session,
    arguments: &'a ChangeArgs,
    /// How it answers; `None`: not at all, it is a part of something else.
    format: Option<Format>,
    command: &'static str,
}

pub(crate) fn run(arguments: &UpArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(change) = Change::open(&arguments.change, format, "steading up")? else {
        return Ok(Exit::Refused);
    };
    change.carry_out(arguments.plan.as_deref(), &*signals::listen()?)
}

/// Starts what belongs on a host that was switched on. Without a format nothing is answered.
pub(crate) fn start(
    session: Session,
    arguments: &ChangeArgs,
    format: Option<Format>,
    cancel: &Cancel,
) -> anyhow::Result<Exit> {
    let change = Change {
        session,
        arguments,
        format,
        command: "steading on",
    };
    change.carry_out(None, cancel)
}

pub(crate) fn heal(arguments: &HealArgs, format: Format) -> anyhow::Result<Exit> {
    if arguments.systemd_unit {
        return watch::unit(arguments);
    }
    if arguments.watch {
        return watch::run(arguments);
    }
    let arguments = &arguments.change;
    let Some(change) = Change::open(arguments, format, "steading heal")? else {
        return Ok(Exit::Refused);
    };
    change.carry_out(None, &*signals::listen()?)
}

pub(crate) fn down(arguments: &ChangeArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(mut change) = Change::open(arguments, format, "steading down")? else {
        return Ok(Exit::Refused);
    };
    change.session.checked.resources = Vec::new();
    change.carry_out(None, &*signals::listen()?)
}

/// What is expected to come right by itself; nothing where a host is off, whose nodes may never.
fn coming(inventory: &Inventory) -> Option<String> {
    let off = |seen: &Observed| matches!(seen.presence, Presence::Off { .. });
    if inventory.things.values().any(off) {
        return None;
    }
    inventory.things.iter().find_map(|(address, seen)| {
        let waits = |fault: &&Fault| fault.remedy == Remedy::Wait;
        let fault = seen.faults.iter().find(waits)?;
        Some(format!("waiting for {address}: {}", fault.what))
    })
}

/// A plan's file, no more of it than shows that it is too large.
fn bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?
        .take(model::plan::MOST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl<'a> Change<'a> {
    pub(crate) fn open(
        arguments: &'a ChangeArgs,
        format: Format,
        command: &'static str,
    ) -> anyhow::Result<Option<Self>> {
        let Some(checked) = check::usable(arguments.rung.which())? else {
            return Ok(None);
        };
        let session = Session::open(checked, arguments.sources.artifacts.as_deref())?;
        Ok(Some(Self {
            session,
            arguments,
            format: Some(format),
            command,
        }))
    }

    fn forced(&self) -> BTreeSet<Address> {
        self.arguments.force.iter().cloned().collect()
    }

    fn resources(&self) -> &[Resource] {
        self.session.resources()
    }

    fn carry_out(&self, saved: Option<&Path>, cancel: &Cancel) -> anyhow::Result<Exit> {
        let session = &self.session;
        let lock = session.store.lock(self.command, Timestamp::now())?;
        let log = StoredLog::open(&session.store, &lock)?;
        let engine = session.engine(cancel);
        let mut reviewed = self.first_plan(&engine, &log, saved)?;
        let plan = &reviewed.plan;
        if !self.approve(plan)? {
            tell("nothing was done");
            return Ok(Exit::Done);
        }
        if !plan.is_empty() {
            // Before anything carries the lab's id: it must not be forgotten.
            session.lock.save().map_err(DriverError::from)?;
        }
        let going_down = self.resources().is_empty();
        for wanted in restore::begun(session)?.iter().filter(|_| !going_down) {
            tell(&format!("going on with the restore of {}", wanted.snapshot));
            self.put_back(wanted, (&engine, &log), cancel)?;
            reviewed = self.look(&engine, &log)?;
        }
        self.keep_before(&reviewed.plan, cancel);
        let exit = self.rounds(reviewed, (&engine, &log), &lock, cancel)?;
        if going_down && exit == Exit::Done {
            self.forget()?;
        }
        Ok(exit)
    }

    /// Forgets what is only of use to a lab that is there.
    fn forget(&self) -> anyhow::Result<()> {
        restore::give_up(&self.session)?;
        if self.session.checked.replica.is_some() {
            // Its secrets open nothing any more.
            self.session.store.forget()?;
        }
        Ok(())
    }

    /// Takes a cluster back to a snapshot, and applies what differs then.
    pub(crate) fn restore(
        &self,
        wanted: &restore::Wanted,
        cancel: &Cancel,
    ) -> anyhow::Result<Exit> {
        let session = &self.session;
        let lock = session.store.lock(self.command, Timestamp::now())?;
        let log = StoredLog::open(&session.store, &lock)?;
        let engine = session.engine(cancel);
        let plan = self.first_plan(&engine, &log, None)?.plan;
        tell(&restore::consequences(wanted));
        if !self.agreed(Impact::Wipe)? {
            tell("nothing was done");
            return Ok(Exit::Done);
        }
        if !plan.is_empty() {
            session.lock.save().map_err(DriverError::from)?;
        }
        self.put_back(wanted, (&engine, &log), cancel)?;
        let plan = self.look(&engine, &log)?;
        self.rounds(plan, (&engine, &log), &lock, cancel)
    }

    fn put_back(
        &self,
        wanted: &restore::Wanted,
        (engine, log): (&Engine<'_>, &StoredLog<'_>),
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let mut apply = |plan: &Plan| {
            let alone = plan.clone().into();
            tell(&plan::shown(&self.session, &alone, Style::for_stderr()));
            Self::applied(engine, log, plan)
        };
        restore::put_back(&self.session, wanted, (engine, log), cancel, &mut apply)
    }

    /// What is to be done now.
    fn look(&self, engine: &Engine<'_>, log: &StoredLog<'_>) -> anyhow::Result<Reviewed> {
        let inventory = engine.observe(self.resources())?;
        self.planned(engine, log, &inventory)
    }

    fn planned(
        &self,
        engine: &Engine<'_>,
        log: &StoredLog<'_>,
        inventory: &Inventory,
    ) -> anyhow::Result<Reviewed> {
        let generation = log.generation()?;
        let forced = self.forced();
        Ok(review::planned(
            &self.session,
            engine,
            generation,
            inventory,
            &forced,
        ))
    }

    /// The same, once what is expected to come right by itself has done so, or could have.
    fn settled(
        &self,
        engine: &Engine<'_>,
        log: &StoredLog<'_>,
        cancel: &Cancel,
    ) -> anyhow::Result<Reviewed> {
        let start = Instant::now();
        let mut told = BTreeSet::new();
        loop {
            let inventory = engine.observe(self.resources())?;
            let reviewed = self.planned(engine, log, &inventory)?;
            let over = start.elapsed() > SETTLE || cancel.requested();
            let Some(text) = coming(&inventory).filter(|_| reviewed.plan.is_empty() && !over)
            else {
                return Ok(reviewed);
            };
            if told.insert(text.clone()) {
                tell(&text);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Carries a plan out, with its progress shown.
    fn applied(engine: &Engine<'_>, log: &StoredLog<'_>, plan: &Plan) -> anyhow::Result<Report> {
        let progress = Progress::start();
        let events = progress.sink().context("the display has ended")?;
        Ok(engine.apply(plan, log, &events)?)
    }

    /// Applies and looks again, some times at most.
    fn rounds(
        &self,
        mut reviewed: Reviewed,
        (engine, log): (&Engine<'_>, &StoredLog<'_>),
        lock: &Lock,
        cancel: &Cancel,
    ) -> anyhow::Result<Exit> {
        let mut report = Report::default();
        for round in 0..ROUNDS {
            if reviewed.plan.is_empty() {
                break;
            }
            if round > 0 {
                tell(&plan::shown(&self.session, &reviewed, Style::for_stderr()));
                if reviewed.plan.notes.iter().any(|note| note.refused) {
                    break;
                }
            }
            report = Self::applied(engine, log, &reviewed.plan)?;
            if !report.succeeded() {
                break;
            }
            // What was made is looked at once more: objects that only seem well do not count.
            reviewed = self.settled(engine, log, cancel)?;
        }
        if reviewed.plan.is_empty() {
            self.session.store.set_applied(lock, &self.session.lab)?;
            snapshot::take_due(&self.session, cancel)?;
        }
        self.conclude(&report, &reviewed)
    }

    /// Keeps what etcd holds before a control plane's machine is made anew. Where it gives nothing
    /// any more, there is nothing to wait for.
    fn keep_before(&self, plan: &Plan, cancel: &Cancel) {
        let planes = snapshots::planes(self.resources());
        for cluster in snapshots::at_risk(plan, &planes) {
            if let Err(error) = snapshot::take_one(&self.session, cluster, "recreate", cancel) {
                tell(&format!("no snapshot of {cluster} before: {error:#}"));
            }
        }
    }

    fn first_plan(
        &self,
        engine: &Engine<'_>,
        log: &StoredLog<'_>,
        saved: Option<&Path>,
    ) -> anyhow::Result<Reviewed> {
        let forced = self.forced();
        let inventory = engine.observe(self.resources())?;
        let generation = log.generation()?;
        let plan = match saved {
            None => engine.plan_forced(generation, self.resources(), &inventory, &forced),
            Some(file) => {
                let bytes = bounded(file)
                    .with_context(|| format!("reading the plan {}", file.display()))?;
                Plan::from_json(&bytes)
                    .with_context(|| format!("{} is not a plan", file.display()))?
            }
        };
        let reviewed = review::reviewed(&self.session, plan, &inventory, &forced);
        self.show(&reviewed)?;
        let plan = &reviewed.plan;
        engine.admit(plan, generation, &inventory)?;
        engine.preflight(plan)?;
        self.room_for_machines(plan)?;
        Ok(reviewed)
    }

    /// Refuses machines that this host has no room for, all of them counted together, before the
    /// image is built that they wait for.
    fn room_for_machines(&self, plan: &Plan) -> Result<(), EngineError> {
        let new: Vec<(&Address, &NodeMachine)> = plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Create)
            .filter_map(|step| match &step.resource.spec {
                Spec::Machine(machine) => Some((&step.address, machine)),
                _ => None,
            })
            .collect();
        let machines: Vec<&NodeMachine> = new.iter().map(|(_, machine)| *machine).collect();
        let is_plane = |step: &&Step| match &step.resource.spec {
            Spec::Member(member) => {
                let mut names = new.iter().map(|(address, _)| &address.name);
                member.role == Role::ControlPlane && names.any(|name| *name == step.address.name)
            }
            _ => false,
        };
        let planes = plan.steps.iter().filter(is_plane).count() as u64;
        match (
            new.first(),
            self.session.container.preflight(&machines, planes),
        ) {
            (Some((address, _)), Some(refusal)) => Err(EngineError::Preflight {
                address: (*address).clone(),
                refusal,
            }),
            _ => Ok(()),
        }
    }

    fn show(&self, reviewed: &Reviewed) -> anyhow::Result<()> {
        if self.format == Some(Format::Json) {
            answer_json(&plan::Told::of(reviewed))
        } else {
            tell(plan::shown(&self.session, reviewed, Style::for_stderr()).trim_end());
            Ok(())
        }
    }

    /// Asks, where there is something to ask and somebody to ask.
    fn approve(&self, plan: &Plan) -> anyhow::Result<bool> {
        if plan.is_empty() {
            return Ok(true);
        }
        for one in snapshots::begun_empty(&self.session, plan)? {
            tell(&format!(
                "cluster {} begins empty: nothing is there that held its data; steading restore {} \
                 takes it back to its newest snapshot",
                one.cluster, one.snapshot
            ));
        }
        self.agreed(plan.impact())
    }

    /// Asks whether to do what has such an impact.
    fn agreed(&self, impact: Impact) -> anyhow::Result<bool> {
        if self.arguments.yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() {
            anyhow::bail!("there is no terminal to ask on; say --yes to do it");
        }
        let question = if impact == Impact::Wipe {
            "This deletes data that exists nowhere else. Do it? [y/N] "
        } else {
            "Do it? [y/N] "
        };
        let mut out = std::io::stderr().lock();
        write!(out, "{question}")?;
        out.flush()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(matches!(line.trim(), "y" | "Y" | "yes"))
    }

    fn conclude(&self, report: &Report, left: &Reviewed) -> anyhow::Result<Exit> {
        let style = Style::for_stderr();
        for (address, outcome) in report.failures() {
            if let Outcome::Failed { causes, hint } = outcome {
                tell(&format!(
                    "{} {address}: {}",
                    style.bad("failed:"),
                    causes.join(": ")
                ));
                if let Some(hint) = hint {
                    tell(&format!("  {} {hint}", style.bold("hint:")));
                }
            }
        }
        if report.interrupted {
            tell(&format!("interrupted; run {} again to go on", self.command));
            return Ok(Exit::Interrupted);
        }
        if !report.succeeded() {
            tell(&format!(
                "what succeeded stays; run {} again to go on",
                self.command
            ));
            return Ok(Exit::Failed);
        }
        if !left.plan.is_empty() {
            tell(&style.bad("it was done, but this is still not right:"));
            tell(plan::shown(&self.session, left, style).trim_end());
            return Ok(Exit::Failed);
        }
        for note in &left.plan.notes {
            tell(&format!(
                "{} {}: {}",
                style.warn("note"),
                note.address,
                note.text
            ));
        }
        if !self.resources().is_empty() {
            let text = status::where_to_go(&self.session)?;
            if self.format == Some(Format::Text) {
                answer(&text);
            }
        }
        Ok(Exit::Done)
    }
}
