//! Requests to an API server, one after the other at a steady pace, while something happens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ureq::tls::TlsConfig;

use crate::Lab;

/// Between the beginnings of two requests.
const PERIOD: Duration = Duration::from_millis(100);
/// How long one may take, on a busy machine too.
const REQUEST: Duration = Duration::from_secs(4);

/// What became of them.
#[derive(Debug, Default)]
pub struct Asked {
    /// How many there were.
    pub count: usize,
    /// Those that failed: begun so long after the first one, and why.
    pub failed: Vec<(Duration, String)>,
}

/// Asks the lab's API server whether it is ready, each time by a connection of its own, until that
/// is over.
///
/// # Panics
/// Where the lab has no API server.
pub fn asked_while(lab: &Lab, happens: impl FnOnce()) -> Asked {
    let url = format!("https://127.0.0.1:{}/readyz", lab.api_port());
    let over = AtomicBool::new(false);
    let failed = Mutex::new(Vec::new());
    let count = std::thread::scope(|threads| {
        let asking = threads.spawn(|| {
            let began = Instant::now();
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                let at = began.elapsed();
                let (url, failed) = (&url, &failed);
                threads.spawn(move || {
                    if let Err(error) = once(url) {
                        let mut failed = failed.lock().expect("no other panicked");
                        failed.push((at, error.to_string()));
                    }
                });
                count += 1;
                std::thread::sleep((PERIOD * count).saturating_sub(began.elapsed()));
            }
            count
        });
        happens();
        over.store(true, Ordering::Relaxed);
        asking.join().expect("it counts")
    });
    Asked {
        count: count as usize,
        failed: failed.into_inner().expect("no other panicked"),
    }
}

fn once(url: &str) -> Result<(), ureq::Error> {
    // Whose cluster answers is not the question here; that it answers is.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(REQUEST))
        .build();
    let agent: ureq::Agent = config.into();
    agent.get(url).call().map(|_| ())
}
