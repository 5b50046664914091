//! A picture of everything on a host that Steading promises not to touch.
//!
//! A test takes one before and one after, and compares: what was there must be there again, and
//! nothing else. Values that change by themselves (lifetimes of addresses, counters) are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// System settings that Kubernetes, container runtimes and networks of containers like to change.
const SETTINGS: [&str; 22] = [
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.core_pattern",
    "kernel.hostname",
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.pid_max",
    "kernel.sysrq",
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.forwarding",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv6.conf.all.forwarding",
    "net.netfilter.nf_conntrack_max",
    "vm.max_map_count",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
];

/// The variable by which processes of a lab are known.
const TAG: &[u8] = b"STEADING_LAB_ID=";

/// How deep below a folder files are listed.
const DEPTH: usize = 4;

/// The picture: one line for each thing, such as `link eth0` or `sysctl kernel.panic = 0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSnapshot {
    lines: BTreeSet<String>,
}

impl HostSnapshot {
    /// Takes the picture, with the files below `folders` (to a depth of 4).
    #[must_use]
    pub fn take(folders: &[&Path]) -> Self {
        let mut lines = BTreeSet::new();
        links_and_routes(&mut lines);
        settings(&mut lines);
        mounts(&mut lines);
        listeners(&mut lines);
        processes(&mut lines);
        below(Path::new("/sys/fs/cgroup"), 12, "cgroup", true, &mut lines);
        below(Path::new("/run/netns"), 1, "netns", false, &mut lines);
        for folder in folders {
            below(folder, DEPTH, "file", false, &mut lines);
        }
        Self { lines }
    }

    /// What differs in a later picture: `+ line` for what is new there, `- line` for what is gone.
    #[must_use]
    pub fn changes(&self, later: &Self) -> Vec<String> {
        let gone = self.lines.difference(&later.lines);
        let new = later.lines.difference(&self.lines);
        gone.map(|line| format!("- {line}"))
            .chain(new.map(|line| format!("+ {line}")))
            .collect()
    }

    /// All lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// The output of a program, line by line; nothing if there is no such program.
fn output(argv: &[&str]) -> Vec<String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Vec::new();
    };
    let Ok(output) = Command::new(program).args(arguments).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// A line without the values of these words, which count down.
fn without(line: &str, counting: &[&str]) -> String {
    let mut kept = Vec::new();
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        if counting.contains(&word) {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept.join(" ")
}

fn links_and_routes(lines: &mut BTreeSet<String>) {
    let counting = [
        "valid_lft",
        "preferred_lft",
        "expires",
        "cache",
        "age",
        "used",
    ];
    for (what, argv) in [
        ("link", &["ip", "-o", "link", "show"][..]),
        ("address", &["ip", "-o", "address", "show"]),
        ("route", &["ip", "route", "show", "table", "all"]),
        ("route6", &["ip", "-6", "route", "show", "table", "all"]),
        ("rule", &["ip", "rule", "show"]),
        ("nft", &["nft", "--stateless", "list", "ruleset"]),
    ] {
        let found = output(argv);
        lines.extend(
            found
                .iter()
                .map(|line| format!("{what} {}", without(line, &counting))),
        );
    }
}

fn settings(lines: &mut BTreeSet<String>) {
    for name in SETTINGS {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        if let Ok(value) = fs::read_to_string(path) {
            lines.insert(format!("sysctl {name} = {}", value.trim()));
        }
    }
}

fn mounts(lines: &mut BTreeSet<String>) {
    // Fields 4 to 6: root within the file system, mount point, options; behind ` - `: the type.
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for line in table.lines() {
        let fields: Vec<&str> = line.split(' ').skip(3).take(3).collect();
        let kind = line.split_once(" - ").map_or("", |(_, rest)| rest);
        lines.insert(format!("mount {} {kind}", fields.join(" ")));
    }
}

fn listeners(lines: &mut BTreeSet<String>) {
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(Path::new("/proc/net").join(table)).unwrap_or_default();
        for line in text.lines().skip(1) {
            let mut words = line.split_whitespace().skip(1);
            let (Some(local), Some(_), Some(state)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            // 0A is LISTEN. UDP sockets come and go with every question to a name server.
            if state == "0A" {
                lines.insert(format!("listener {table} {}", address(local)));
            }
        }
    }
}

/// `0100007F:1F90` as `127.0.0.1:8080`. The kernel writes IPv4 addresses as numbers in the
/// machine's own byte order; longer ones are left as they are.
fn address(hex: &str) -> String {
    let read = |(ip, port): (&str, &str)| {
        let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
        let port = u16::from_str_radix(port, 16).ok()?;
        Some(format!("{}:{port}", std::net::Ipv4Addr::from(ip)))
    };
    hex.split_once(':')
        .and_then(read)
        .unwrap_or_else(|| hex.to_owned())
}

fn processes(lines: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir("/proc") else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let tags: Vec<String> = environment
            .split(|byte| *byte == 0)
            .filter(|variable| variable.starts_with(TAG) || variable.starts_with(b"STEADING_ADD"))
            .map(|variable| String::from_utf8_lossy(variable).into_owned())
            .collect();
        if tags.iter().any(|tag| tag.as_bytes().starts_with(TAG)) {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            let pid = entry.file_name();
            lines.insert(format!(
                "process {} {} {}",
                pid.to_string_lossy(),
                name.trim(),
                tags.join(" ")
            ));
        }
    }
}

/// Everything below a folder, without following links.
fn below(
    folder: &Path,
    depth: usize,
    what: &str,
    folders_only: bool,
    lines: &mut BTreeSet<String>,
) {
    let mut left: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), depth)];
    while let Some((path, depth)) = left.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            continue;
        };
        for entry in entries.flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder || !folders_only {
                lines.insert(format!("{what} {}", entry.path().display()));
            }
            if is_folder && depth > 1 {
                left.push((entry.path(), depth - 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HostSnapshot, address, without};
    use std::net::TcpListener;

    #[test]
    fn a_listener_and_a_file_show_and_go() {
        let folder = std::env::temp_dir().join(format!("host-snapshot-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let before = HostSnapshot::take(&[&folder]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        std::fs::write(folder.join("a"), "").unwrap();
        let changes = before.changes(&HostSnapshot::take(&[&folder]));
        let place = listener.local_addr().unwrap();
        assert!(
            changes.contains(&format!("+ listener tcp {place}")),
            "{changes:?}"
        );
        let file = format!("+ file {}", folder.join("a").display());
        assert!(changes.contains(&file), "{changes:?}");
        drop(listener);
        std::fs::remove_dir_all(&folder).unwrap();
        let after = HostSnapshot::take(&[&folder]);
        let ours = |line: &String| line.contains(&place.to_string()) || line.contains("host-snap");
        assert!(!before.changes(&after).iter().any(ours));
    }

    #[test]
    fn what_counts_by_itself_is_left_out() {
        let line = "2: eth0 inet 10.0.0.2/24 scope global \\ valid_lft 86311sec preferred_lft 9sec";
        assert_eq!(
            without(line, &["valid_lft", "preferred_lft"]),
            "2: eth0 inet 10.0.0.2/24 scope global \\"
        );
        if cfg!(target_endian = "little") {
            assert_eq!(address("0100007F:1F90"), "127.0.0.1:8080");
        }
    }
}
