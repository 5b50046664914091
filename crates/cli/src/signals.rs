//! Ctrl-C: once, and the run stops where it can be resumed; twice, and it stops at once.

use std::sync::Arc;

use driver::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::output::tell;

/// Begins to listen. The run asks `Cancel`.
pub(crate) fn listen() -> anyhow::Result<Arc<Cancel>> {
    let cancel = Arc::new(Cancel::default());
    let asked = Arc::clone(&cancel);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            asked.request();
            if asked.urgent() {
                tell("stopped at once; run the same command again to go on");
                #[expect(clippy::exit, reason = "a second interruption asks for just this")]
                std::process::exit(130);
            }
            tell("stopping where it can be resumed; once more stops at once");
        }
    });
    Ok(cancel)
}
