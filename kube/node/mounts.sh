# Runs first in the namespaces of a node: gives it a disk, logs and a /run of its own in place of the machine's.
#   mounts.sh NAME DISK LOGS
set -e
hostname "$1"
# Mounts of volumes are to be seen by the pods that use them.
mount --make-rshared /
resolver=$(readlink -m /etc/resolv.conf)
mount --bind "$2" /var/lib
mount --bind "$3" /var/log
mount -t tmpfs tmpfs /run
mkdir /run/node

# Names outside the cluster are not to be had, and are not to be waited for.
touch /run/node/resolv.conf
mkdir -p "$(dirname "$resolver")"
[ -e "$resolver" ] || touch "$resolver"
mount --bind /run/node/resolv.conf "$resolver"

# The kubelet sets these as it likes them. They are the whole machine's, which goes on without it.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
  kernel/keys/root_maxbytes; do
  mkdir -p "/run/node/sys/${setting%/*}"
  cat "/proc/sys/$setting" >"/run/node/sys/$setting"
  mount --bind "/run/node/sys/$setting" "/proc/sys/$setting"
done

touch /run/node/mounted
exec catatonit -P
