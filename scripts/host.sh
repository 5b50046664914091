# What this machine needs, for ./quickstart and ./test. Sourced by bash.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Debian packages that the programs of this repository call, by the program that shows them; with
# "guest" also those that scripts/guest.sh calls.
needed_packages() {
  command -v ip >/dev/null || echo iproute2
  command -v setpriv >/dev/null && command -v nsenter >/dev/null && command -v unshare >/dev/null || echo util-linux
  command -v mmdebstrap >/dev/null || echo mmdebstrap
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
  command -v gcc >/dev/null || echo gcc libc6-dev
  command -v git >/dev/null || echo git
  command -v curl >/dev/null || echo curl
  [ "${1:-}" = guest ] || return 0
  command -v qemu-system-x86_64 >/dev/null || echo qemu-system-x86
  [ -x /sbin/mke2fs ] || echo e2fsprogs
  command -v xz >/dev/null || echo xz-utils
}

# Runs a command as root: directly, or by sudo, which asks once.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo env "PATH=$PATH" "HOME=$HOME" "$@"
  fi
}

# Runs a command that may be silent for long. On a terminal it shows its own progress; elsewhere
# somebody who reads along is told every four seconds that it goes on.
telling() {
  local what=$1 ticker status=0; shift
  if [ -t 2 ]; then "$@"; return; fi
  ( began=$SECONDS; while sleep 4 && kill -0 $$ 2>/dev/null; do say "$what, $((SECONDS - began)) s"; done ) &
  ticker=$!
  "$@" || status=$?
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  return "$status"
}

# Leaves with what to do unless root can be had: without a terminal nobody can answer sudo.
need_root() {
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || die "this needs root and there is no sudo: run it as root"
  sudo -n true 2>/dev/null && return
  [ -t 0 ] || die "this needs root: run it as root, or once 'sudo -v' before it"
  say "root is needed to install packages and to make the lab's namespaces"
  sudo -v || die "without root there is no lab"
}

need_toolchains() {
  command -v cargo >/dev/null || die "Rust is missing: install it (1.89 or newer) from https://rustup.rs and run this again"
  command -v go >/dev/null || die "Go is missing: install it (1.26 or newer) from https://go.dev/dl and run this again"
}

# With "guest": also what scripts/guest.sh needs.
install_packages() {
  command -v apt-get >/dev/null || die "this script knows Debian and Ubuntu only; install yourself: $(needed_packages "$@" | tr '\n' ' ')"
  local packages
  packages=$(needed_packages "$@")
  [ -z "$packages" ] && return
  say "installing Debian packages: $(echo $packages)"
  as_root apt-get update -q >&2
  # shellcheck disable=SC2086 # one word each
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages >&2
}

# What only ./test needs: a browser for pages, and a real SSH server.
install_test_packages() {
  install_browser
  install_ssh_server
}

# A browser without windows, 100 MB to download and 300 MB on disk with what it needs. Ubuntu has it
# only as a snap, which does not see files in /tmp: there it must be installed by hand.
install_browser() {
  command -v chromium-headless-shell >/dev/null && return
  say "installing the Debian package chromium-headless-shell, about 100 MB to download, for the tests of pages"
  as_root apt-get update -q >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    chromium-headless-shell fonts-dejavu-core >&2 ||
    die "there is no chromium-headless-shell here: put a program of that name into the path, such as Chromium's own"
}

# For `steading init --from`. Only its program is wanted, so it is neither started nor will it be at
# the next boot.
install_ssh_server() {
  [ -x /usr/sbin/sshd ] && return
  local policy=/usr/sbin/policy-rc.d own=
  if [ ! -e "$policy" ]; then
    own=1
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  say "installing the Debian package openssh-server, without starting it"
  as_root apt-get update -q >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends openssh-server >&2
  [ -z "$own" ] || as_root rm -f "$policy"
  [ ! -d /run/systemd/system ] || as_root systemctl disable ssh.service ssh.socket >&2 || true
}
