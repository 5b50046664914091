//! Whether a machine is being shut down. Whoever does that holds a lock inside it, which is free
//! again when it was killed: then what is missing there is mended like anything else.

use std::time::Duration;

use driver::{MachineCommand, Machines, Scope};
use model::name::Name;

/// The file that is locked, inside.
pub(crate) const LOCK: &str = "/run/steading-leaving";
/// Exits with 3 where it is locked. A constant; the file is its parameter.
const ASK: &str = r#"[ ! -e "$1" ] || flock -ns -E 3 "$1" true"#;

/// Whether a machine is being shut down. One that cannot be asked is not.
pub(crate) fn under_way(machines: &dyn Machines, scope: &Scope, node: &Name) -> bool {
    let ask = MachineCommand::new(["sh", "-c", ASK, "ask", LOCK], Duration::from_secs(10));
    let asked = machines.run(scope, node, &ask, &mut |_| {});
    asked.is_ok_and(|asked| asked.code == Some(3))
}
