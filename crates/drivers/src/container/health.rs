//! Whether a running machine is well, asked inside it, with the cause at its source.

use std::time::Duration;

use driver::{MachineCommand, Machines, Scope};
use model::inventory::{Observed, Remedy};
use model::name::Name;
use model::resource::NodeMachine;

use super::inside::Containers;
use super::network::LINK;
use super::seed;
use crate::leaving;

/// A service that died this often within [`CRASH_SECONDS`] is crashing. The supervisor starts it
/// anew after a second each time.
const CRASHES: usize = 3;
/// How far back deaths count, in seconds.
const CRASH_SECONDS: i64 = 60;

/// How long a machine may take to tell about itself: some 40 ms, and more than 4 s where the host
/// is itself emulated and busy. One that stands still costs whoever asks this time.
const LIMIT: Duration = Duration::from_secs(30);

/// Prints what there is to know in one go: an answer takes some milliseconds, each further one
/// would take as many again.
const ASK: &str = r#"[ ! -e "$2" ] || flock -ns "$2" true || echo leaving
ip -o address show dev "$1" 2>&1 | sed 's/^/address /'
ip -o route show default 2>&1 | sed 's/^/route /'
ip -o link show dev "$1" 2>&1 | sed 's/^/link /'
echo "now $(echo | s6-tai64n)"
[ -s /var/lib/kubelet/config.yaml ] && echo configured kubelet
[ -s /etc/steading/haproxy.cfg ] && echo configured haproxy
[ -s /etc/steading/keepalived.conf ] && echo configured keepalived
for service in containerd kubelet haproxy keepalived; do
  echo "service $service $(s6-svstat -o up,updownfor /run/service/$service 2>&1)"
  s6-svdt /run/service/$service 2>/dev/null | sed "s/^/death $service /"
done
for service in containerd kubelet haproxy keepalived; do
  echo "log $service $(grep -E 'level=(error|fatal)|failed to load plugin io.containerd.grpc|^[0-9:. -]*[EF][0-9]{4} |rror:' /var/log/$service/current 2>/dev/null | tail -n 1 | cut -c1-300)"
done"#;
/// The last part of that, for one service.
const LAST_ERROR: &str = r#"grep -E 'level=(error|fatal)|failed to load plugin io.containerd.grpc|^[0-9:. -]*[EF][0-9]{4} |rror:' "/var/log/$1/current" | tail -n 1 | cut -c1-300"#;
/// The services of a node.
const SERVICES: [&str; 4] = ["containerd", "kubelet", "haproxy", "keepalived"];

/// Adds to what was observed of a running machine whatever is wrong with it.
pub(super) fn examine(
    mut seen: Observed,
    scope: &Scope,
    node: &Name,
    spec: &NodeMachine,
) -> Observed {
    let command = MachineCommand::new(["sh", "-c", ASK, "ask", LINK, leaving::LOCK], LIMIT);
    let told = match Containers.run(scope, node, &command, &mut |_| {}) {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        // It ended while it was asked.
        Err(_) if Containers::first_process(scope, node).is_none() => {
            return seen.fault("it does not run", None, Remedy::Repair);
        }
        Err(error) => {
            let cause = error.chain().join(": ");
            return seen.fault("it does not answer", Some(cause), Remedy::Repair);
        }
    };
    if told.starts_with("leaving\n") {
        // Whoever started its services anew now would work against that.
        return seen.fault("it is being shut down", None, Remedy::Wait);
    }
    for (what, cause) in link_faults(&told, spec) {
        seen = seen.fault(what, cause, Remedy::Repair);
    }
    for service in SERVICES {
        if let Some(what) = service_fault(&told, service) {
            let cause = after(&told, &format!("log {service} ")).map(str::to_owned);
            seen = seen.fault(what, cause.filter(|text| !text.is_empty()), Remedy::Repair);
        }
    }
    seen
}

/// The last line of a service's log that tells of an error.
pub(super) fn last_error(scope: &Scope, node: &Name, service: &str) -> Option<String> {
    let command = MachineCommand::new(["sh", "-c", LAST_ERROR, "last", service], LIMIT);
    let output = Containers.run(scope, node, &command, &mut |_| {}).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
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
    if let Some(link) = after(told, "link ") {
        if link.contains("NO-CARRIER") || link.contains("state DOWN") {
            faults.push(("its network link is down".to_owned(), Some(link.to_owned())));
        }
        if !link.contains(&format!(" mtu {} ", spec.mtu)) {
            let what = format!("its network link does not have the MTU {}", spec.mtu);
            faults.push((what, Some(link.to_owned())));
        }
    }
    if after(told, "route ").is_none_or(|route| !route.contains(&spec.gateway.to_string())) {
        faults.push((format!("it has no default route by {}", spec.gateway), None));
    }
    faults
}

/// Whether a service is down, not supervised or dies again and again.
fn service_fault(told: &str, service: &str) -> Option<String> {
    let configured = |line: &str| line.strip_prefix("configured ") == Some(service);
    if service != "containerd" && !told.lines().any(configured) {
        return None;
    }
    let state = after(told, &format!("service {service} ")).unwrap_or("no answer");
    if !state.starts_with("true") && !state.starts_with("false") {
        return Some(format!("{service} is not supervised: {state}"));
    }
    let deaths = recent_deaths(told, service);
    if let (CRASHES.., Some(last)) = (deaths.len(), deaths.last()) {
        return Some(format!(
            "{service} crashes: {} times in the last {CRASH_SECONDS} s, last with {last}",
            deaths.len()
        ));
    }
    match (state.starts_with("true"), deaths.last()) {
        (true, _) => None,
        (false, Some(last)) => Some(format!("{service} does not run: it ended with {last}")),
        (false, None) => Some(format!("{service} does not run")),
    }
}

/// How a service ended, each time that it did lately, by the supervisor's own tally.
fn recent_deaths<'a>(told: &'a str, service: &str) -> Vec<&'a str> {
    let start = format!("death {service} ");
    let Some(now) = after(told, "now ").and_then(seconds) else {
        return Vec::new();
    };
    told.lines()
        .filter_map(|line| line.strip_prefix(start.as_str())?.split_once(' '))
        .filter(|(when, _)| seconds(when).is_some_and(|when| now - when <= CRASH_SECONDS))
        .map(|(_, how)| how.trim())
        .collect()
}

/// The seconds of a time stamp in the form TAI64N: `@`, sixteen digits of seconds, eight of
/// nanoseconds, all hexadecimal. Only differences of them mean something here.
fn seconds(stamp: &str) -> Option<i64> {
    let digits = stamp.trim().strip_prefix('@')?.get(..16)?;
    let label = u64::from_str_radix(digits, 16).ok()?;
    i64::try_from(label.checked_sub(1 << 62)?).ok()
}

/// Starts the services of a machine that are down; `anew`: kubelet also where it runs.
pub(super) fn start_services(
    scope: &Scope,
    node: &Name,
    anew: bool,
) -> Result<(), driver::DriverError> {
    // A service that the supervisor has not found yet starts anyway.
    let script = r#"for name in containerd kubelet; do s6-svc -u "$1/$name"; done
[ ! -s /etc/steading/haproxy.cfg ] || s6-svc -u "$1/haproxy"
[ ! -s /etc/steading/keepalived.conf ] || s6-svc -u "$1/keepalived"
[ "$2" = false ] || s6-svc -r "$1/kubelet""#;
    let anew = anew.to_string();
    let argv = ["sh", "-c", script, "start", seed::SERVICES, &anew];
    Containers.run(scope, node, &MachineCommand::new(argv, LIMIT), &mut |_| {})?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "\
address 2: eth0    inet 10.88.0.11/24 scope global eth0
route default via 10.88.0.1 dev eth0
link 2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT
now @400000006b01170534ae76f000000000
service containerd true 120
service kubelet true 100
configured kubelet
log containerd
log kubelet
";

    fn spec() -> NodeMachine {
        serde_json::from_value(serde_json::json!({
            "host": "h", "machine": { "container": { "cpu": 1, "memory": "1Gi" } },
            "image": "00", "network": "lab", "address": "10.88.0.11/24", "gateway": "10.88.0.1",
            "mtu": 1500, "pod_mtu": 1450, "pods": "10.244.0.0/16", "hosts": {}
        }))
        .unwrap()
    }

    fn faults(told: &str) -> Vec<String> {
        let services = SERVICES.iter().filter_map(|name| service_fault(told, name));
        let links = link_faults(told, &spec()).into_iter();
        links.map(|(what, _)| what).chain(services).collect()
    }

    #[test]
    fn a_machine_that_is_well_has_no_fault() {
        assert_eq!(faults(WELL), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_named() {
        for (from, to, fault) in [
            (
                "10.88.0.11/24",
                "10.88.0.12/24",
                "its link has lost the address 10.88.0.11/24",
            ),
            (
                "route default",
                "nothing",
                "it has no default route by 10.88.0.1",
            ),
            ("state UP", "state DOWN", "its network link is down"),
            (
                "mtu 1500",
                "mtu 1400",
                "its network link does not have the MTU 1500",
            ),
            (
                "containerd true",
                "containerd false",
                "containerd does not run",
            ),
        ] {
            assert_eq!(faults(&WELL.replace(from, to)), [fault]);
        }
        let gone = WELL.replace("address 2: eth0", "address Device \"eth0\" does not exist.");
        assert_eq!(faults(&gone), ["its network link is gone"]);
    }

    #[test]
    fn a_kubelet_without_configuration_may_be_down() {
        let told = WELL
            .replace("configured kubelet\n", "")
            .replace("kubelet true", "kubelet false");
        assert_eq!(faults(&told), Vec::<String>::new());
    }

    #[test]
    fn only_many_deaths_within_a_minute_are_a_crash() {
        let death = |at: &str| format!("death kubelet @40000000{at}00000000 exitcode 1\n");
        let recent = ["6b011702", "6b011703", "6b011704"].map(death).concat();
        let old = ["6b010001", "6b010002", "6b010003"].map(death).concat();
        assert_eq!(faults(&format!("{WELL}{old}")), Vec::<String>::new());
        assert_eq!(
            faults(&format!("{WELL}{old}{recent}")),
            ["kubelet crashes: 3 times in the last 60 s, last with exitcode 1"]
        );
    }
}
