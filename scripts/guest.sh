#!/usr/bin/env bash
# Runs a program in a small virtual machine that has control groups of version 2 only, and ends
# as the program does: guest.sh PROGRAM [ARGUMENT...]
#
# The machine's root is the node image that this host used last; its kernel is Debian's. Both lie
# on a disk that is made once and never written to, beside the cached artifacts: so a whole lab can
# be brought up in it, without a network. Needs root, and: qemu-system-x86_64, mmdebstrap, mke2fs,
# xz. GUEST_LIMIT: seconds after which it is ended (default 900). GUEST_IMAGE: the folder of another
# image. As cargo's runner it runs tests:
#   cargo test --config 'target."cfg(all())".runner="scripts/guest.sh"' -p drivers --test container
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/host.sh
. "$here/host.sh"

program=$(readlink -f "$1"); shift
limit=${GUEST_LIMIT:-900}
images=${STEADING_TEST_IMAGES:-/var/lib/steading/images}
# The one that was used last: its lock shows when.
newest=$(find "$images" -maxdepth 1 -name '*.lock' -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2 |
  while read -r lock; do [ ! -f "${lock%.lock}/image.json" ] || echo "${lock%.lock}"; done | sed -n 1p)
image=${GUEST_IMAGE:-$newest}
[ -f "$image/image.json" ] || die "there is no node image in $images: make one by 'steading up'"
debian=trixie

cache=${XDG_CACHE_HOME:-$HOME/.cache}/steading
mkdir -p "$cache/artifacts"
name=$(cat "$here/guest.sh" "$here/guest/initrd.sh" "$image/image.json" <(ls "$cache/artifacts") | sha256sum | cut -c1-12)
machine=$cache/guest/$name
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# Kernel, its modules and a static shell of Debian; unpacked only. Nothing of it runs here but what
# lists the modules.
make_machine() {
  local root=$work/root parts=$work/machine disk=$work/disk folder
  say "a kernel from Debian $debian"
  mmdebstrap --quiet --variant=extract --include=linux-image-cloud-amd64,busybox-static,liblzma5 "$debian" "$root" >&2
  for folder in lib lib64 sbin; do ln -s "usr/$folder" "$root/$folder"; done
  # shellcheck disable=SC2016 # that shell's, not this one's
  chroot "$root" /usr/bin/busybox sh -c 'depmod "$(ls /usr/lib/modules)"'
  mkdir -p "$parts" "$work/initrd/bin" "$disk/kernel/usr/lib" "$disk/kernel/boot" "$disk/images/${image##*/}" "$disk/artifacts"
  for module in virtio_blk overlay; do
    find "$root/usr/lib/modules" -name "$module.ko.xz" -exec xz -dc {} + > "$work/initrd/$module.ko"
  done
  cp "$root/usr/bin/busybox" "$work/initrd/bin/"
  install -m 755 "$here/guest/initrd.sh" "$work/initrd/init"
  (cd "$work/initrd" && find . | "$root/usr/bin/busybox" cpio -o -H newc 2> /dev/null) > "$parts/initrd"
  mv "$root"/boot/vmlinuz-* "$parts/vmlinuz"
  mv "$root"/boot/config-* "$disk/kernel/boot/"
  mv "$root/usr/lib/modules" "$disk/kernel/usr/lib/"
  say "its disk, with the node image"
  truncate -s 8G "$parts/disk"
  # shellcheck disable=SC2016
  unshare --mount sh -ec '
    mount --bind "$3" "$1/images/${3##*/}"
    mount --bind "$4" "$1/artifacts"
    exec mke2fs -q -t ext4 -O ^has_journal -d "$1" "$2"' bind "$disk" "$parts/disk" "$image" "$cache/artifacts"
  rm -rf "$cache/guest"
  mkdir -p "$cache/guest"
  mv "$parts" "$machine"
}

# A second disk: the program, what lies beside it, and how to call it.
make_program() {
  mkdir -p "$work/run/deps"
  install -m 755 "$here/guest/init.sh" "$work/run/init"
  cp "$program" "$work/run/deps/"
  # Where the tests of this repository look for the program that they test.
  cp "$(dirname "$program")/../steading" "$work/run/" 2> /dev/null || true
  printf 'cd /mnt/run/deps\n%s\n' "$(printf '%q ' "./${program##*/}" "$@")" > "$work/run/program.sh"
  truncate -s "$(($(du -sm "$work/run" | cut -f1) * 5 / 4 + 16))M" "$work/program"
  mke2fs -q -t ext4 -O ^has_journal -d "$work/run" "$work/program"
}

[ -d "$machine" ] || make_machine
make_program "$@"
say "starting the guest"
# Emulated: hardware help hangs on some machines that have it. Without cmpxchg16b, whose emulation
# in QEMU 7.2 ends newer kernels.
timeout --foreground "$limit" qemu-system-x86_64 -nodefaults -display none -no-reboot \
  -accel tcg,thread=multi,tb-size=1024 -cpu max,cx16=off -smp 2 -m 4096 \
  -kernel "$machine/vmlinuz" -initrd "$machine/initrd" \
  -append 'console=ttyS0 quiet panic=-1 mitigations=off' \
  -drive "file=$machine/disk,format=raw,if=virtio,snapshot=on,cache=unsafe" \
  -drive "file=$work/program,format=raw,if=virtio,readonly=on" \
  -serial stdio < /dev/null | sed -u 's/\r$//' | tee "$work/said" || true
status=$(sed -nE 's/^guest: ended with ([0-9]+)$/\1/p' "$work/said")
[ -n "$status" ] || die "the guest did not end by itself within $limit s"
exit "$status"
