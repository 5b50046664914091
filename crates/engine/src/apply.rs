//! Carrying a plan out.
//!
//! One dispatcher owns the run: it alone knows which steps wait, run and have ended. Workers are
//! threads, one per running step; they send messages and share nothing.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use driver::{DriverError, ErrorKind, Precheck, Progress, StepContext};
use model::event::{Event, Outcome};
use model::plan::{Action, Generation, Plan, Step};
use model::resource::Address;
use store::StoreError;

use crate::run_log::RunLog;
use crate::{AT_ONCE, Engine, EngineError};

/// How often the dispatcher looks whether it was interrupted.
const GLANCE: Duration = Duration::from_millis(100);

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How each step ended.
    pub outcomes: BTreeMap<Address, Outcome>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl Report {
    /// Whether every step succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        !self.interrupted
            && self
                .outcomes
                .values()
                .all(|outcome| matches!(outcome, Outcome::Done | Outcome::AlreadyDone))
    }

    /// The steps that failed.
    pub fn failures(&self) -> impl Iterator<Item = (&Address, &Outcome)> {
        self.outcomes
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed { .. }))
    }
}

pub(crate) fn apply(
    engine: &Engine<'_>,
    plan: &Plan,
    log: &dyn RunLog,
    events: &Sender<Event>,
) -> Result<Report, EngineError> {
    let generation = plan.parent.next();
    log.begin_run(generation, plan.steps.len())?;
    let (inbox_sender, inbox) = mpsc::channel();
    let mut dispatcher = Dispatcher {
        engine,
        generation,
        log,
        events,
        waiting: plan
            .steps
            .iter()
            .map(|step| (&step.address, step))
            .collect(),
        running: BTreeMap::new(),
        report: Report::default(),
        broken: None,
    };
    dispatcher.tell(Event::RunStarted {
        generation,
        steps: plan.steps.len(),
    });
    std::thread::scope(|threads| dispatcher.run(threads, &inbox_sender, &inbox));
    dispatcher.finish()
}

/// What a worker tells the dispatcher.
struct Ended {
    address: Address,
    outcome: Outcome,
    interrupted: bool,
}

struct Dispatcher<'a> {
    engine: &'a Engine<'a>,
    generation: Generation,
    log: &'a dyn RunLog,
    events: &'a Sender<Event>,
    waiting: BTreeMap<&'a Address, &'a Step>,
    running: BTreeMap<&'a Address, (&'a Step, Instant)>,
    report: Report,
    /// The journal could not be kept: nothing more is begun.
    broken: Option<StoreError>,
}

impl<'a> Dispatcher<'a> {
    fn tell(&self, event: Event) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    fn run<'scope>(
        &mut self,
        threads: &'scope std::thread::Scope<'scope, 'a>,
        inbox_sender: &Sender<Ended>,
        inbox: &Receiver<Ended>,
    ) where
        'a: 'scope,
    {
        loop {
            self.skip_hopeless();
            self.begin_ready(threads, inbox_sender);
            if self.running.is_empty() {
                return;
            }
            match inbox.recv_timeout(GLANCE) {
                Ok(ended) => self.ended(ended),
                Err(_) if self.engine.cancel.urgent() => return,
                Err(_) => {}
            }
        }
    }

    fn stopping(&self) -> bool {
        self.broken.is_some() || self.engine.cancel.requested()
    }

    /// Skips the steps that need one that did not succeed, and those behind them.
    fn skip_hopeless(&mut self) {
        loop {
            let hopeless = self.waiting.values().find_map(|step| {
                let failed = step.needs.iter().find(|need| {
                    matches!(
                        self.report.outcomes.get(*need),
                        Some(Outcome::Failed { .. } | Outcome::Skipped { .. })
                    )
                })?;
                // The cause is the one that failed, not another that was skipped for it.
                let because = match self.report.outcomes.get(failed) {
                    Some(Outcome::Skipped { because }) => because.clone(),
                    _ => Some(failed.clone()),
                };
                Some((step.address.clone(), because))
            });
            let Some((address, because)) = hopeless else {
                return;
            };
            self.waiting.remove(&address);
            self.record(address, Outcome::Skipped { because }, Duration::ZERO);
        }
    }

    fn begin_ready<'scope>(
        &mut self,
        threads: &'scope std::thread::Scope<'scope, 'a>,
        inbox_sender: &Sender<Ended>,
    ) where
        'a: 'scope,
    {
        while self.running.len() < AT_ONCE && !self.stopping() {
            let ready = self.waiting.values().copied().find(|step| {
                step.needs.iter().all(|need| {
                    !self.waiting.contains_key(need) && !self.running.contains_key(need)
                })
            });
            let Some(step) = ready else {
                return;
            };
            self.waiting.remove(&step.address);
            // Durable before any effect.
            if let Err(error) = self.log.begin(&step.address, step.action) {
                self.broken = Some(error);
                self.record(
                    step.address.clone(),
                    Outcome::Skipped { because: None },
                    Duration::ZERO,
                );
                return;
            }
            self.tell(Event::StepStarted {
                address: step.address.clone(),
                action: step.action,
                usually: self.log.usual(&step.address, step.action),
            });
            self.running.insert(&step.address, (step, Instant::now()));
            let worker = Worker {
                engine: self.engine,
                generation: self.generation,
                events: self.events.clone(),
                step,
            };
            let inbox_sender = inbox_sender.clone();
            threads.spawn(move || {
                // The dispatcher may have left after a second interruption.
                let _ = inbox_sender.send(worker.run());
            });
        }
    }

    fn ended(&mut self, ended: Ended) {
        let Some((step, since)) = self.running.remove(&ended.address) else {
            return;
        };
        let took = since.elapsed();
        if ended.interrupted {
            self.report.interrupted = true;
        }
        if let Err(error) = self
            .log
            .end(&step.address, step.action, &ended.outcome, took)
        {
            self.broken.get_or_insert(error);
        }
        self.record(ended.address, ended.outcome, took);
    }

    fn record(&mut self, address: Address, outcome: Outcome, took: Duration) {
        self.tell(Event::StepFinished {
            address: address.clone(),
            outcome: outcome.clone(),
            took,
        });
        self.report.outcomes.insert(address, outcome);
    }

    fn finish(mut self) -> Result<Report, EngineError> {
        let left: BTreeSet<Address> = self
            .waiting
            .keys()
            .chain(self.running.keys())
            .map(|address| (*address).clone())
            .collect();
        self.report.interrupted |= self.engine.cancel.requested();
        for address in left {
            self.record(address, Outcome::Skipped { because: None }, Duration::ZERO);
        }
        let count = |wanted: fn(&Outcome) -> bool| {
            self.report
                .outcomes
                .values()
                .filter(|outcome| wanted(outcome))
                .count()
        };
        let done = count(|o| matches!(o, Outcome::Done | Outcome::AlreadyDone));
        let failed = count(|o| matches!(o, Outcome::Failed { .. }));
        self.tell(Event::RunFinished {
            done,
            failed,
            skipped: self.report.outcomes.len() - done - failed,
            interrupted: self.report.interrupted,
        });
        if let Some(error) = self.broken {
            return Err(error.into());
        }
        self.log.end_run(done, failed)?;
        Ok(self.report)
    }
}

/// Runs one step on a thread of its own.
struct Worker<'a> {
    engine: &'a Engine<'a>,
    generation: Generation,
    events: Sender<Event>,
    step: &'a Step,
}

struct StepProgress<'a> {
    events: &'a Sender<Event>,
    address: &'a Address,
}

impl Progress for StepProgress<'_> {
    fn doing(&self, what: &str) {
        let _ = self.events.send(Event::StepProgress {
            address: self.address.clone(),
            doing: what.to_owned(),
        });
    }
}

impl Worker<'_> {
    fn run(&self) -> Ended {
        let progress = StepProgress {
            events: &self.events,
            address: &self.step.address,
        };
        let context = StepContext {
            scope: &self.engine.scope,
            generation: self.generation,
            cancel: self.engine.cancel,
            progress: &progress,
        };
        // A mistake in one driver must not take the others' steps along.
        let result = catch_unwind(AssertUnwindSafe(|| self.step(&context)))
            .unwrap_or_else(|panic| Err(unexpected(&*panic)));
        let interrupted = matches!(&result, Err(error) if error.kind == ErrorKind::Interrupted);
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(_) if interrupted => Outcome::Skipped { because: None },
            Err(error) => Outcome::Failed {
                causes: error.chain(),
                hint: error.hint,
            },
        };
        Ended {
            address: self.step.address.clone(),
            outcome,
            interrupted,
        }
    }

    fn step(&self, context: &StepContext<'_>) -> Result<Outcome, DriverError> {
        let kind = self.step.address.kind;
        let driver = self
            .engine
            .registry
            .driver(kind)
            .ok_or_else(|| DriverError::new(format!("nothing drives {}", kind.as_str())))?;
        if self.step.action == Action::Delete {
            driver.teardown(self.step, context)?;
            return Ok(Outcome::Done);
        }
        match driver.precheck(self.step, context)? {
            Precheck::Done => Ok(Outcome::AlreadyDone),
            Precheck::Refused(refusal) => Err(DriverError::new(refusal.found)
                .kind(ErrorKind::Refused)
                .hint(refusal.hint)),
            Precheck::Ready => {
                driver.apply(self.step, context)?;
                Ok(Outcome::Done)
            }
        }
    }
}

/// The error that stands for a panic.
pub(crate) fn unexpected(panic: &(dyn Any + Send)) -> DriverError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let error = DriverError::new("the driver failed unexpectedly");
    match text {
        Some(text) => error.caused_by(text),
        None => error,
    }
}
