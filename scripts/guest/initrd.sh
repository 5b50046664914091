#!/bin/busybox sh
# First process of the guest, in its initrd: finds its disks and puts the root together. The root
# is the project's own node image with the kernel's modules laid over it.
busybox mkdir -p /proc /sys /dev /disk /layer /root
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
busybox mount -t sysfs sys /sys
for module in virtio_blk overlay; do busybox insmod /$module.ko; done
busybox mount -t ext4 /dev/vda /disk
busybox mount -t tmpfs layer /layer
busybox mkdir /layer/upper /layer/work
image=$(echo /disk/images/*/rootfs)
busybox mount -t overlay -o "lowerdir=/disk/kernel:$image,upperdir=/layer/upper,workdir=/layer/work" root /root
busybox mkdir -p /root/var/lib/steading /root/mnt/run
busybox mount -t ext4 -o ro /dev/vdb /root/mnt/run
for place in disk:var/lib/steading dev:dev proc:proc sys:sys; do
  busybox mount -o move "/${place%%:*}" "/root/${place#*:}"
done
exec busybox switch_root /root /mnt/run/init
