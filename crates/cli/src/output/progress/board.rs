//! Progress on a terminal: a line for every running step, finished ones above.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use model::event::{Event, Outcome};
use model::resource::Address;

use super::{Display, doing_word};
use crate::output::duration::rough;
use crate::output::style::Style;

/// The live display.
pub(super) struct Board {
    bars: MultiProgress,
    running: BTreeMap<Address, Running>,
    style: Style,
}

struct Running {
    bar: ProgressBar,
    since: Instant,
    doing: String,
    usually: Option<Duration>,
}

impl Board {
    pub(super) fn new(style: Style) -> Self {
        Self {
            bars: MultiProgress::new(),
            running: BTreeMap::new(),
            style,
        }
    }

    fn say(&self, sign: &str, address: &Address, text: &str) {
        // Standard error may be gone; the run goes on all the same.
        let _ = self
            .bars
            .println(format!("  {sign} {:<28} {text}", address.to_string()));
    }

    fn refresh(&self, address: &Address, now: Instant) {
        let Some(step) = self.running.get(address) else {
            return;
        };
        let seconds = now.duration_since(step.since).as_secs();
        let usually = step
            .usually
            .filter(|time| time.as_secs() > 0)
            .map(|time| format!(" of about {}", rough(time.as_secs())))
            .unwrap_or_default();
        step.bar.set_message(format!(
            "{:<28} {}, {}{usually}",
            address.to_string(),
            step.doing,
            rough(seconds)
        ));
    }

    fn started(&mut self, address: &Address, doing: &str, usually: Option<Duration>, now: Instant) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        let step = Running {
            bar,
            since: now,
            doing: doing.to_owned(),
            usually,
        };
        self.running.insert(address.clone(), step);
        self.refresh(address, now);
    }

    fn finished(&mut self, address: &Address, outcome: &Outcome, took: Duration) {
        if let Some(step) = self.running.remove(address) {
            step.bar.finish_and_clear();
        }
        match outcome {
            Outcome::Done => {
                let took = self.style.dim(&rough(took.as_secs()));
                self.say(&self.style.good("✓"), address, &took);
            }
            Outcome::AlreadyDone => self.say(&self.style.good("✓"), address, "was done already"),
            Outcome::Failed { causes, .. } => {
                self.say(&self.style.bad("✗"), address, &causes.join(": "));
            }
            Outcome::Skipped { because } => {
                let why = because.as_ref().map_or_else(
                    || "not run: interrupted".to_owned(),
                    |step| format!("not run: needs {step}"),
                );
                self.say(&self.style.warn("·"), address, &why);
            }
        }
    }
}

impl Display for Board {
    fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::StepStarted {
                address,
                action,
                usually,
            } => self.started(address, doing_word(*action), *usually, now),
            Event::StepProgress { address, doing } => {
                if let Some(step) = self.running.get_mut(address) {
                    step.doing.clone_from(doing);
                }
                self.refresh(address, now);
            }
            Event::StepFinished {
                address,
                outcome,
                took,
            } => self.finished(address, outcome, *took),
            Event::RunStarted { .. } | Event::RunFinished { .. } => {}
        }
    }

    fn tick(&mut self, now: Instant) {
        for address in self.running.keys() {
            self.refresh(address, now);
        }
    }
}
