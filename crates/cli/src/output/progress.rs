//! Live progress of a run, on standard error.
//!
//! One thread takes the events and owns all that is shown. On a terminal every running step has a
//! line of its own that tells what it waits for and why; elsewhere there are plain lines, and
//! after some seconds of silence one that says what is still being waited for.

mod board;
mod lines;

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::event::Event;

use super::style::Style;

/// How often the shown seconds are brought up to date.
const TICK: Duration = Duration::from_millis(500);

/// A way of showing events.
trait Display: Send {
    /// Shows one event.
    fn event(&mut self, event: &Event, now: Instant);
    /// Brings what is shown up to date.
    fn tick(&mut self, now: Instant);
}

/// The thread that shows progress. Dropping it takes the display down and waits for that.
pub(crate) struct Progress {
    events: Option<Sender<Event>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to show progress in the way that fits standard error.
    pub(crate) fn start() -> Self {
        use std::io::IsTerminal as _;
        let style = Style::for_stderr();
        let display: Box<dyn Display> = if std::io::stderr().is_terminal() {
            Box::new(board::Board::new(style))
        } else {
            Box::new(lines::Lines::new())
        };
        let (events, inbox) = mpsc::channel();
        let thread = std::thread::spawn(move || show(display, &inbox));
        Self {
            events: Some(events),
            thread: Some(thread),
        }
    }

    /// Where events go.
    pub(crate) fn sink(&self) -> Option<Sender<Event>> {
        self.events.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.events = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the display must not hide the outcome of the run.
            let _ = thread.join();
        }
    }
}

fn show(mut display: Box<dyn Display>, inbox: &mpsc::Receiver<Event>) {
    loop {
        match inbox.recv_timeout(TICK) {
            Ok(event) => display.event(&event, Instant::now()),
            Err(RecvTimeoutError::Timeout) => display.tick(Instant::now()),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The word for what an action is doing.
const fn doing_word(action: model::plan::Action) -> &'static str {
    use model::plan::Action;
    match action {
        Action::Create => "making",
        Action::Update => "changing",
        Action::Replace => "making anew",
        Action::Delete => "removing",
    }
}
