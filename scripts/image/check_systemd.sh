#!/bin/sh
# Starts deploy/systemd/glossator.service under a real systemd, in a root of its own, and checks that it serves, is
# restarted, can write only its folders, and stops. Run it as root, after scripts/image/build_image.sh:
#   scripts/image/check_systemd.sh [BUNDLE]
# The server is that of the image. systemd is the first process of its own namespaces; it listens on port 8000.
set -eu
bundle=${1:-demo/tickets}
export PATH="$PATH:/usr/sbin:/sbin"
[ "$(id -u)" = 0 ] || { echo 'error: systemd is started with mounts, expected root' >&2; exit 2; }
is_ready() { python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8000/readyz", timeout=2)' 2>/dev/null; }
! is_ready || { echo 'error: another server answers on port 8000' >&2; exit 2; }
folder=$(mktemp -d)
root=$folder/root container='' init='' group=/sys/fs/cgroup/glossator-check
[ ! -d /sys/fs/cgroup/unified ] || group=/sys/fs/cgroup/unified/glossator-check

clean() {
    [ -z "$init" ] || { kill -9 "$init" 2>/dev/null && wait "$init" 2>/dev/null; } || true
    [ -z "$container" ] || buildah rm "$container" >/dev/null
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    rm -rf --one-file-system "$folder"
}
trap clean EXIT

# Debian with systemd and the virtual environment of the image, set up as the unit says.
mmdebstrap --quiet --variant=minbase --mode=root --include=systemd,python3,libstdc++6,ca-certificates trixie "$root"
container=$(buildah from --pull-never localhost/glossator)
cp -a "$(buildah mount "$container")/venv" "$root/venv"
ln -s /venv "$root/opt/glossator"
cp -aL "$bundle" "$root/bundle"
cp deploy/systemd/glossator.service "$root/etc/systemd/system/"
unshare --mount sh -c 'mount -t proc proc "$1/proc" && chroot "$1" sh -eu' sh "$root" <<'IN'
useradd --system --no-create-home --home-dir /nonexistent glossator
install -d /srv/glossator/models /etc/glossator /etc/systemd/system/multi-user.target.wants
/opt/glossator/bin/glossator models add /bundle --registry /srv/glossator/models --why "first model" --name tickets
ln -s ../glossator.service /etc/systemd/system/multi-user.target.wants/
ln -sf /dev/null /etc/systemd/system/systemd-networkd.service
echo "GLOSSATOR_API_KEYS=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >/etc/glossator/environment
IN

mkdir -p "$group"
cat >"$folder/start" <<'IN'
set -eu
echo $$ >"$2/cgroup.procs"
exec unshare --pid --mount --uts --ipc --cgroup --fork --kill-child sh -eu -c '
mount --make-rprivate / && mount --bind "$1" "$1"
mount -t proc proc "$1/proc" && mount -t sysfs -o ro sysfs "$1/sys" && mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
mount -t tmpfs tmpfs "$1/run" && mount -t tmpfs tmpfs "$1/tmp" && mount -t tmpfs -o mode=755 tmpfs "$1/dev"
for each in null zero full random urandom tty; do touch "$1/dev/$each" && mount --bind "/dev/$each" "$1/dev/$each"; done
mkdir "$1/dev/pts" "$1/dev/shm" && mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts" && mount -t tmpfs tmpfs "$1/dev/shm"
ln -s pts/ptmx "$1/dev/ptmx"
mkdir "$1/old" && cd "$1" && pivot_root . old && umount -l /old && rmdir /old
exec env -i container=check PATH=/usr/bin:/usr/sbin /lib/systemd/systemd --unit=multi-user.target --log-target=journal
' sh "$1"
IN
sh "$folder/start" "$root" "$group" >"$folder/log" 2>&1 &
init=$!

inside() { # a command in the namespaces of systemd
    first=$(pgrep -P "$init") && nsenter --target "$first" --pid --mount --uts --ipc --cgroup --root --wd "$@"
}
fail() {
    echo "error: $1" >&2
    inside systemctl status --no-pager glossator >&2 || cat "$folder/log" >&2
    inside journalctl --no-pager -n 30 >&2 || true
    exit 1
}
state() { inside systemctl show --property "$1" --value glossator; }
until_ready() {
    for _ in $(seq 200); do
        ! is_ready || return 0
        case $(state ActiveState 2>/dev/null || true) in failed) break ;; esac
        sleep 0.2
    done
    fail "the service is not ready"
}
writable() { inside nsenter --target "$process" --mount touch "$1/new" 2>/dev/null; }

until_ready
process=$(state MainPID)
inside grep -q '^CapEff:[[:space:]]*0*$' "/proc/$process/status" || fail "the process has capabilities"
inside grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$process/status" || fail "the process can get privileges"
for each in /var/lib/glossator /var/cache/glossator; do writable "$each" || fail "$each cannot be written"; done
for each in / /etc /srv/glossator/models; do ! writable "$each" || fail "$each can be written"; done
echo "started: user $(state User), no capabilities, writes only its jobs and its cache"
inside systemctl kill --kill-whom=main --signal=KILL glossator
for _ in $(seq 100); do
    sleep 0.1
    case $(state MainPID) in 0 | "$process") ;; *) break ;; esac
done
until_ready
[ "$(state NRestarts)" = 1 ] || fail "killed: it restarted $(state NRestarts) times, expected 1"
echo "killed: systemd started it again"
inside systemctl stop glossator
[ "$(state Result) $(state ExecMainStatus)" = "success 0" ] || fail "stopped: $(state Result), code $(state ExecMainStatus)"
echo "stopped: exit code 0"
