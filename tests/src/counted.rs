//! The counting application, asked from outside: what it told once it never takes back, wherever its
//! volume is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::answer;

const SHORT: Duration = Duration::from_secs(3);

/// What the counter tells of itself.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// How often it counted.
    pub count: u64,
    /// How often it was started.
    pub starts: u64,
}

/// What it tells now, if it answers.
#[must_use]
pub fn count(port: u16) -> Option<Count> {
    let told: Value = serde_json::from_str(&answer(port, SHORT)?).ok()?;
    Some(Count {
        count: told["count"].as_u64()?,
        starts: told["starts"].as_u64()?,
    })
}

/// Asks the counter all the time: what it told once it never takes back.
#[derive(Debug)]
pub struct Watched {
    over: Arc<AtomicBool>,
    asking: JoinHandle<usize>,
}

impl Watched {
    /// Begins to ask.
    #[must_use]
    pub fn start(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let asking = std::thread::spawn(move || {
            let (mut last, mut seen) = (0, 0);
            while !ended.load(Ordering::Relaxed) {
                if let Some(now) = count(port) {
                    assert!(now.count >= last, "{} after {last}", now.count);
                    last = now.count;
                    seen += 1;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            seen
        });
        Self { over, asking }
    }

    /// How often it answered.
    ///
    /// # Panics
    /// Where the number went back once.
    #[must_use]
    pub fn end(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.asking.join().expect("the number never goes back")
    }
}
