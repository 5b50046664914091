//! Full disks, as a replica's host can be made to have them.
//!
//! Over every folder of a node that lies on its disk goes an overlay whose upper layer is a small
//! file system without a byte or an inode left. What is there can be read; whatever wants to make,
//! lengthen or remove a file by its name is told "No space left on device" by the kernel. Files that
//! are open already can still be written. The machine's mount namespace holds it all, so it ends
//! with the machine, too; it is laid anew when the machine starts.

use std::fs;
use std::time::Duration;

use driver::{DriverError, MachineCommand, Machines as _, Scope};
use model::name::Name;

use super::inside::Containers;

/// What the mounts are called in the table of mounts.
const SOURCE: &str = "steading-full";
/// The place of the file system that is full, inside the node.
const PLACE: &str = "/run/steading-full";
/// The folders of a node that lie on its disk and are written while it runs.
const FOLDERS: [&str; 4] = [
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/log",
];
/// How long a node may take to lay or lift the mounts.
const LIMIT: Duration = Duration::from_secs(20);

/// Lays the mounts; what is laid already stays. The last one is a mark that all is done. A constant;
/// name, place and folders are parameters.
const FILL: &str = r#"set -e
name=$1 place=$2
shift 2
laid() { grep -q " $1 .* - $2 $name " /proc/self/mountinfo; }
mkdir -p "$place"
laid "$place" tmpfs || mount -t tmpfs -o size=64k,nr_inodes=64,mode=700 "$name" "$place"
mkdir -p "$place/done"
for folder in "$@"; do
  if [ ! -d "$folder" ] || laid "$folder" overlay; then continue; fi
  own=$place/$(basename "$folder")
  mkdir -p "$own/upper" "$own/work"
  chmod --reference="$folder" "$own/upper"
  mount -t overlay -o "lowerdir=$folder,upperdir=$own/upper,workdir=$own/work" "$name" "$folder"
done
cat /dev/zero > "$place/bytes" 2> /dev/null || true
number=0
while touch "$place/inode-$number" 2> /dev/null; do number=$((number + 1)); done
mount -t tmpfs -o size=4k "$name" "$place/done""#;
/// Lifts them, the last one first: the mark goes before what it stands for.
const FREE: &str = r#"sed -n "s/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - [a-z]* $1 .*/\1/p" /proc/self/mountinfo |
tac | while read -r place; do umount --lazy "$place"; done"#;

/// How full the disk of a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    /// Somebody was killed while laying or lifting.
    Half,
    Full,
}

/// What the table of mounts of a machine tells.
fn state(mounts: &str) -> State {
    let mut ours = mounts
        .lines()
        .filter_map(|line| line.split_once(" - "))
        .filter(|(_, what)| what.split(' ').nth(1) == Some(SOURCE))
        .filter_map(|(place, _)| place.split(' ').nth(4))
        .peekable();
    let mark = format!("{PLACE}/done");
    match (ours.peek().is_some(), ours.any(|place| place == mark)) {
        (false, _) => State::Free,
        (true, false) => State::Half,
        (true, true) => State::Full,
    }
}

fn state_of(first: i32) -> State {
    state(&fs::read_to_string(format!("/proc/{first}/mountinfo")).unwrap_or_default())
}

/// What is wrong with the disk of a machine, if anything, whose process 1 this is.
pub(super) fn fault(first: i32, full: bool) -> Option<&'static str> {
    match (full, state_of(first)) {
        (true, State::Full) | (false, State::Free) => None,
        (true, _) => Some("its disk is to be full, and is not"),
        (false, _) => Some("its disk is still made to be full"),
    }
}

/// Makes the disk of a machine full, or ends that.
pub(super) fn settle(
    scope: &Scope,
    node: &Name,
    first: i32,
    full: bool,
) -> Result<(), DriverError> {
    if fault(first, full).is_none() {
        return Ok(());
    }
    let argv = if full {
        let words = ["sh", "-c", FILL, "fill", SOURCE, PLACE];
        words.into_iter().chain(FOLDERS).collect::<Vec<_>>()
    } else {
        vec!["sh", "-c", FREE, "free", SOURCE]
    };
    let command = MachineCommand::new(argv, LIMIT);
    let output = Containers.run(scope, node, &command, &mut |_| {})?;
    if output.ok() && fault(first, full).is_none() {
        return Ok(());
    }
    let what = if full { "filling" } else { "freeing" };
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(DriverError::new(format!("{what} the disk of {node}")).caused_by(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mark_tells_that_a_disk_is_full() {
        let line = |place: &str, kind: &str| {
            format!("36 35 0:31 / {place} rw,relatime shared:1 - {kind} {SOURCE} rw\n")
        };
        let other = "30 28 0:27 / /run rw - tmpfs tmpfs rw\n".to_owned();
        assert_eq!(state(&other), State::Free);
        let half = other + &line(PLACE, "tmpfs") + &line("/var/lib/etcd", "overlay");
        assert_eq!(state(&half), State::Half);
        assert_eq!(
            state(&(half + &line("/run/steading-full/done", "tmpfs"))),
            State::Full
        );
    }
}
