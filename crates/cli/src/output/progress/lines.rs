//! Progress where standard error is no terminal: plain lines, and never a long silence.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::event::{Event, Outcome};
use model::resource::Address;

use super::{Display, doing_word};
use crate::output::duration::rough;
use crate::output::tell;

/// After so much silence, what is still running is told again.
const SILENCE: Duration = Duration::from_secs(4);
/// A step's own changes are told no more often than this.
const PACE: Duration = Duration::from_secs(2);

/// The plain display.
pub(super) struct Lines {
    start: Instant,
    last: Instant,
    running: BTreeMap<Address, Running>,
}

struct Running {
    since: Instant,
    doing: String,
    told: Instant,
}

impl Lines {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            last: now,
            running: BTreeMap::new(),
        }
    }

    fn say(&mut self, address: &Address, text: &str, now: Instant) {
        let at = now.duration_since(self.start).as_secs();
        tell(&format!("{at:>5} s  {:<28} {text}", address.to_string()));
        self.last = now;
    }

    fn started(&mut self, address: &Address, doing: &str, usually: Option<Duration>, now: Instant) {
        let usually = usually
            .filter(|time| time.as_secs() > 0)
            .map(|time| format!(" (took {} before)", rough(time.as_secs())))
            .unwrap_or_default();
        self.say(address, &format!("{doing}{usually}"), now);
        let step = Running {
            since: now,
            doing: doing.to_owned(),
            told: now,
        };
        self.running.insert(address.clone(), step);
    }

    fn progress(&mut self, address: &Address, doing: &str, now: Instant) {
        let Some(step) = self.running.get_mut(address) else {
            return;
        };
        doing.clone_into(&mut step.doing);
        if now.duration_since(step.told) >= PACE {
            step.told = now;
            self.say(address, doing, now);
        }
    }
}

impl Display for Lines {
    fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::StepStarted {
                address,
                action,
                usually,
            } => self.started(address, doing_word(*action), *usually, now),
            Event::StepProgress { address, doing } => self.progress(address, doing, now),
            Event::StepFinished {
                address,
                outcome,
                took,
            } => {
                self.running.remove(address);
                let text = match outcome {
                    Outcome::Done => format!("done in {}", rough(took.as_secs())),
                    Outcome::AlreadyDone => "was done already".to_owned(),
                    Outcome::Failed { causes, .. } => format!("FAILED: {}", causes.join(": ")),
                    Outcome::Skipped { because: None } => "not run: interrupted".to_owned(),
                    Outcome::Skipped {
                        because: Some(step),
                    } => format!("not run: needs {step}"),
                };
                self.say(address, &text, now);
            }
            Event::RunStarted { .. } | Event::RunFinished { .. } => {}
        }
    }

    fn tick(&mut self, now: Instant) {
        if now.duration_since(self.last) < SILENCE {
            return;
        }
        let waiting: Vec<(Address, String)> = self
            .running
            .iter()
            .map(|(address, step)| {
                let seconds = now.duration_since(step.since).as_secs();
                (
                    address.clone(),
                    format!("{}, {}", step.doing, rough(seconds)),
                )
            })
            .collect();
        for (address, text) in waiting {
            self.say(&address, &text, now);
        }
    }
}
