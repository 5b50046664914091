//! Whether virtual machines run here at the processor's own speed. The device file `/dev/kvm` says
//! little: there are machines on which it opens, runs a handful of instructions, and then guests
//! hang. So a guest is started, as small as one can be, and must answer within seconds.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model::lab::Arch;

use crate::bounded;

/// How long the guest has for its answer; where KVM works it needs a fraction of a second.
pub const TRIAL: Duration = Duration::from_secs(3);

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kvm {
    /// The guest answered.
    Works,
    /// It did not; why.
    Broken(String),
    /// There was no trial; why.
    NotTried(String),
}

/// A guest that does nothing but answer.
struct Guest {
    /// The program that runs it.
    program: &'static str,
    /// What the machine is, and how it starts the file [`IMAGE`].
    arguments: &'static [&'static str],
    /// What is in that file.
    image: fn() -> Vec<u8>,
    /// Whether it answered: by how the program ended and by what came out of the serial port.
    answered: fn(code: Option<i32>, serial: &str) -> bool,
}

/// The file that a guest is started from.
const IMAGE: &str = "guest.bin";

/// A boot sector behind QEMU's usual firmware. It is the firmware that is the trial: where nested
/// virtualisation is half there, a guest without it answers and every real one hangs. The sector
/// writes 0x2a to QEMU's exit device, which ends QEMU with 2 × 0x2a + 1; then it halts.
const AMD64: Guest = Guest {
    program: "qemu-system-x86_64",
    arguments: &[
        "-M",
        "pc",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=1",
        "-drive",
        "if=floppy,format=raw,file=guest.bin",
    ],
    image: || {
        // mov dx, 0xf4; mov al, 0x2a; out dx, al; cli; hlt; jmp to hlt
        let code = [0xba, 0xf4, 0x00, 0xb0, 0x2a, 0xee, 0xfa, 0xf4, 0xeb, 0xfd];
        let mut image = code.to_vec();
        image.resize(510, 0);
        // What firmware knows a boot sector by.
        image.extend([0x55, 0xaa]);
        // As large as a floppy disk.
        image.resize(1_474_560, 0);
        image
    },
    answered: |code, _| code == Some(0x55),
};

/// A processor begins at the start of its firmware. It writes `K` to the serial port and switches
/// the machine off (PSCI).
const ARM64: Guest = Guest {
    program: "qemu-system-aarch64",
    arguments: &[
        "-M", "virt", "-cpu", "host", "-serial", "stdio", "-bios", IMAGE,
    ],
    image: || {
        let code: [u32; 7] = [
            0xd2a1_2000, // mov x0, #0x09000000: the serial port of this machine
            0x5280_0961, // mov w1, #'K'
            0xb900_0001, // str w1, [x0]
            0x52b0_8000, // mov w0, #0x84000000
            0x7280_0100, // movk w0, #8: SYSTEM_OFF
            0xd400_0002, // hvc #0
            0x1400_0000, // b to itself
        ];
        code.iter().flat_map(|word| word.to_le_bytes()).collect()
    },
    answered: |_, serial| serial.contains('K'),
};

/// Tries KVM on this machine, with the QEMU found in one of the folders of `path`. The guest's
/// image lies in `folder` meanwhile.
///
/// # Errors
/// Where the image cannot be written, or QEMU not started.
pub fn trial(arch: Arch, path: &OsStr, folder: &Path) -> io::Result<Kvm> {
    let guest = match arch {
        Arch::Amd64 => AMD64,
        Arch::Arm64 => ARM64,
    };
    boot(&guest, "kvm", path, folder)
}

fn boot(guest: &Guest, accelerator: &str, path: &OsStr, folder: &Path) -> io::Result<Kvm> {
    let Some(program) = found(guest.program, path) else {
        let why = format!("{} is not installed", guest.program);
        return Ok(Kvm::NotTried(why));
    };
    fs::write(folder.join(IMAGE), (guest.image)())?;
    // It must not outlive us: a guest that hangs would use a processor for ever.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .args(["-accel", accelerator, "-m", "16", "-display", "none"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(guest.arguments)
        .current_dir(folder);
    let ended = bounded::run(command, "", TRIAL)?;
    let code = ended.status.and_then(|status| status.code());
    if (guest.answered)(code, &ended.output) {
        return Ok(Kvm::Works);
    }
    Ok(Kvm::Broken(match (ended.status, ended.last_error()) {
        (None, _) => format!("a guest did not answer within {} s", TRIAL.as_secs()),
        (Some(_), Some(error)) => error.to_owned(),
        (Some(status), None) => format!("a guest ended without an answer ({status})"),
    }))
}

/// The program of that name in one of the folders.
fn found(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| {
            fs::metadata(file)
                .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trial with a program in place of QEMU that does this.
    fn with(script: &str) -> Kvm {
        let folder = tempfile::tempdir().unwrap();
        let qemu = folder.path().join(AMD64.program);
        fs::write(&qemu, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).unwrap();
        trial(Arch::Amd64, folder.path().as_os_str(), folder.path()).unwrap()
    }

    #[test]
    fn only_an_answer_counts() {
        assert_eq!(with("exit 85"), Kvm::Works);
        assert_eq!(
            with("exit 0"),
            Kvm::Broken("a guest ended without an answer (exit status: 0)".to_owned())
        );
        assert_eq!(
            with("echo 'Could not access KVM kernel module' >&2; exit 1"),
            Kvm::Broken("Could not access KVM kernel module".to_owned())
        );
        assert_eq!(
            with("exec sleep 1000"),
            Kvm::Broken("a guest did not answer within 3 s".to_owned())
        );
    }

    #[test]
    fn without_qemu_nothing_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let tried = trial(Arch::Arm64, OsStr::new("relative:/nowhere"), folder.path()).unwrap();
        let why = "qemu-system-aarch64 is not installed".to_owned();
        assert_eq!(tried, Kvm::NotTried(why));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_guests_are_what_a_processor_starts() {
        let sector = (AMD64.image)();
        assert_eq!(sector.get(510..512), Some(&[0x55, 0xaa][..]));
        assert_eq!((ARM64.image)().len(), 28);
    }

    /// Without KVM the same guest must answer, too: QEMU then is the processor.
    #[test]
    fn the_guest_answers_an_emulated_processor() {
        let folder = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        match boot(&AMD64, "tcg", &path, folder.path()).unwrap() {
            Kvm::Works => {}
            Kvm::NotTried(why) => eprintln!("{why}: nothing is shown"),
            Kvm::Broken(why) => panic!("{why}"),
        }
    }
}
