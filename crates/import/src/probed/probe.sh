# Tells what this machine is: a line for each thing, KEY and values. POSIX sh and what the kernel
# shows below /proc and /sys; no other program is needed for most of it. It changes nothing.
LC_ALL=C
export LC_ALL

# The first line of a file, or nothing.
line() {
  text=
  { IFS= read -r text <"$1"; } 2>/dev/null
  printf '%s' "$text"
}

echo 'steading-probe 1'
echo "arch $(uname -m)"
echo "name $(uname -n)"

cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null)
[ -n "$cpus" ] || cpus=$(grep -c '^processor' /proc/cpuinfo)
echo "cpus $cpus"

while read -r key value unit; do
  [ "$key" = MemTotal: ] && { echo "memory $value $unit"; break; }
done </proc/meminfo

if [ -r /sys/class/dmi/id/product_name ]; then
  echo "model $(line /sys/class/dmi/id/sys_vendor) $(line /sys/class/dmi/id/product_name)"
elif [ -r /proc/device-tree/model ]; then
  echo "model $(tr -d '\000' </proc/device-tree/model)"
fi

for nic in /sys/class/net/*; do
  [ -e "$nic/address" ] || continue
  set -- "${nic##*/}"
  [ -e "$nic/device" ] && set -- "$@" physical
  [ -d "$nic/wireless" ] || [ -e "$nic/phy80211" ] && set -- "$@" wifi
  [ -e "$nic/master" ] && set -- "$@" "master=$(cd -P "$nic/master" 2>/dev/null && basename "$(pwd -P)")"
  echo "nic $* mac=$(line "$nic/address") mtu=$(line "$nic/mtu") speed=$(line "$nic/speed")"
done

# As the kernel writes them: destination, gateway and mask in hexadecimal, lowest byte first.
while read -r nic to gateway flags refs uses metric mask rest; do
  [ "$nic" = Iface ] || echo "route $nic $to $gateway $mask"
done </proc/net/route

# Addresses of this machine: the leaves of the routing tree that are local to it.
leaf=
while read -r first second third rest; do
  case $first in
    '|--') leaf=$second ;;
    /32) [ "$second $third" = 'host LOCAL' ] && echo "address $leaf" ;;
  esac
done 2>/dev/null </proc/net/fib_trie

while read -r key value rest; do
  [ "$key" = nameserver ] && echo "dns $value"
done 2>/dev/null </etc/resolv.conf

for disk in /sys/block/*; do
  [ -e "$disk/device" ] || continue
  echo "disk ${disk##*/} sectors=$(line "$disk/size") rotational=$(line "$disk/queue/rotational") removable=$(line "$disk/removable")"
done

# The disk that the root file system lies on, where it lies on one directly.
system=
while read -r id parent device root place rest; do
  [ "$place" = / ] && system=$device
done </proc/self/mountinfo
[ -n "$system" ] && [ -e "/sys/dev/block/$system" ] &&
  echo "system $(cd -P "/sys/dev/block/$system" 2>/dev/null && pwd -P)"

for device in /sys/bus/pci/devices/*; do
  case $(line "$device/class") in
    0x03*) echo "gpu ${device##*/} $(line "$device/vendor") $(line "$device/device")" ;;
  esac
done

for device in /sys/bus/usb/devices/*; do
  [ -r "$device/idVendor" ] || continue
  classes=
  for interface in "$device"/*:*; do
    [ -r "$interface/bInterfaceClass" ] && classes="$classes,$(line "$interface/bInterfaceClass")"
  done
  echo "usb $(line "$device/idVendor"):$(line "$device/idProduct") class=$(line "$device/bDeviceClass")$classes $(line "$device/product")"
done
echo end
