//! Whether a running machine is well, asked inside it, with the cause at its source.

use std::time::Duration;

use driver::{MachineCommand, Machines, Scope};
use model::inventory::{Observed, Remedy};
use model::name::Name;
use model::resource::NodeMachine;

use super::inside::Containers;
use super::network::LINK;
use super::seed;

/// How long a machine may take to tell about itself.
const LIMIT: Duration = Duration::from_secs(4);

/// Prints what there is to know in one go: an answer takes some milliseconds, each further one
/// would take as many again.
const ASK: &str = r#"ip -o address show dev "$1" 2>&1 | sed 's/^/address /'
ip -o route show default 2>&1 | sed 's/^/route /'
ip -o link show dev "$1" 2>&1 | sed 's/^/link /'
for service in containerd kubelet; do
  echo "service $service $(s6-svstat -o up,updownfor /run/service/$service 2>&1)"
done
[ -s /var/lib/kubelet/config.yaml ] && echo configured
for service in containerd kubelet; do
  echo "log $service $(grep -E 'level=(error|fatal)|^[EF][0-9]{4} |rror:' /var/log/$service/current 2>/dev/null | tail -n 1 | cut -c1-300)"
done"#;

/// Adds to what was observed of a running machine whatever is wrong with it.
pub(super) fn examine(
    mut seen: Observed,
    scope: &Scope,
    node: &Name,
    spec: &NodeMachine,
) -> Observed {
    let command = MachineCommand::new(["sh", "-c", ASK, "ask", LINK], LIMIT);
    let told = match Containers.run(scope, node, &command, &mut |_| {}) {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => {
            let cause = error.chain().join(": ");
            return seen.fault("it does not answer", Some(cause), Remedy::Repair);
        }
    };
    for (what, cause) in link_faults(&told, spec) {
        seen = seen.fault(what, cause, Remedy::Repair);
    }
    for service in ["containerd", "kubelet"] {
        if let Some(what) = service_fault(&told, service) {
            let cause = after(&told, &format!("log {service} ")).map(str::to_owned);
            seen = seen.fault(what, cause.filter(|text| !text.is_empty()), Remedy::Repair);
        }
    }
    seen
}

fn after<'a>(told: &'a str, start: &str) -> Option<&'a str> {
    told.lines()
        .find_map(|line| line.strip_prefix(start))
        .map(str::trim)
}

fn link_faults(told: &str, spec: &NodeMachine) -> Vec<(String, Option<String>)> {
    let addresses: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("address "))
        .collect();
    if addresses.iter().any(|line| line.contains("does not exist")) {
        return vec![("its network link is gone".to_owned(), None)];
    }
    let mut faults = Vec::new();
    let wanted = format!(" {} ", spec.address);
    if !addresses.iter().any(|line| line.contains(&wanted)) {
        faults.push((
            format!("its link has lost the address {}", spec.address),
            None,
        ));
    }
    match after(told, "link ") {
        Some(link) if link.contains("NO-CARRIER") || link.contains("state DOWN") => {
            faults.push(("its network link is down".to_owned(), Some(link.to_owned())));
        }
        _ => {}
    }
    if after(told, "route ").is_none_or(|route| !route.contains(&spec.gateway.to_string())) {
        faults.push((format!("it has no default route by {}", spec.gateway), None));
    }
    faults
}

/// A service that is down, or that was started only just now while it should have run for long, is
/// crashing: the supervisor starts it anew every second.
fn service_fault(told: &str, service: &str) -> Option<String> {
    if service == "kubelet" && !told.lines().any(|line| line == "configured") {
        return None;
    }
    match after(told, &format!("service {service} ")) {
        Some(state) if state.starts_with("true") => None,
        Some(state) if state.starts_with("false") => Some(format!("{service} does not run")),
        state => Some(format!(
            "{service} is not supervised: {}",
            state.unwrap_or("no answer")
        )),
    }
}

/// Starts the services of a machine that are down.
pub(super) fn start_services(scope: &Scope, node: &Name) -> Result<(), driver::DriverError> {
    let words = ["containerd", "kubelet"].map(|name| format!("{}/{name}", seed::SERVICES));
    for service in words {
        let command = MachineCommand::new(["s6-svc", "-u", &service], LIMIT);
        Containers.run(scope, node, &command, &mut |_| {})?;
    }
    Ok(())
}
