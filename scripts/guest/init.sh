#!/bin/bash
# The guest's process 1 once its root stands: control groups as systemd has them on a host with
# version 2 only, then the program, then the end. Its last line tells how the program ended.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd
for place in /dev/shm /run /tmp; do mount -t tmpfs tmpfs $place; done
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
ip link set lo up
mkdir -p /root/.cache/steading
ln -s /var/lib/steading/artifacts /root/.cache/steading/artifacts

# No `cpuset` and no `hugetlb`: systemd hands down neither until a unit asks for it.
groups=/sys/fs/cgroup
mkdir $groups/init.scope $groups/user.slice $groups/system.slice
for process in $(cat $groups/cgroup.procs); do echo "$process" > $groups/init.scope/cgroup.procs; done 2> /dev/null
echo '+cpu +io +memory +pids' > $groups/cgroup.subtree_control
echo 64M > $groups/system.slice/memory.max

# Not to the console itself: for a terminal programs paint.
# shellcheck disable=SC1091 # made beside this file
. /mnt/run/program.sh > >(exec cat) 2>&1; status=$?
sleep 1
echo "guest: ended with $status"
echo o > /proc/sysrq-trigger
sleep 60
