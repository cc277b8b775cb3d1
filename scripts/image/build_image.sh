#!/bin/sh
# Builds the image `glossator` with buildah, without a daemon. Run it as root in the root of the repository.
#   BASE_IMAGE=python:3.13-slim scripts/image/build_image.sh    on an image of a registry
#   scripts/image/build_image.sh                                on a base image that it makes from Debian's packages
# pip in the build uses the package index and the certificates that pip on this machine uses.
set -eu
: "${BASE_IMAGE:=localhost/glossator-base:trixie}" "${IMAGE:=localhost/glossator}" "${EXTRAS:=postgres}"
export BUILDAH_ISOLATION=chroot PATH="$PATH:/usr/sbin:/sbin"
fail() {
    printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 2
}
[ "$(id -u)" = 0 ] || fail "the image is built with mounts and chroot, found user $(id -un), expected root" "sudo make image"
for program in buildah mmdebstrap; do
    command -v "$program" >/dev/null || fail "$program is not installed" "apt-get install buildah runc mmdebstrap"
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Python 3.13 and what it needs, unpacked without their set-up scripts: 72 MB.
make_base() {
    leave_out='doc man locale info lintian bug'
    set -- $(for each in $leave_out; do echo "--dpkgopt=path-exclude=/usr/share/$each/*"; done)
    mmdebstrap --quiet --variant=extract --mode=root "$@" \
        --include=base-files,base-passwd,ca-certificates,coreutils,dash,findutils,libc-bin,libstdc++6,python3,python3-venv \
        --customize-hook='cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd"' \
        --customize-hook='cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"' \
        --customize-hook='cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"' \
        --customize-hook='chroot "$1" ldconfig; chroot "$1" python3 -m compileall -q /usr/lib/python3.13' \
        trixie "$folder/base.tar"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$folder/base.tar" / >/dev/null
    buildah config --env PATH=/usr/sbin:/usr/bin --cmd python3 "$container"
    buildah commit --quiet --rm "$container" "$BASE_IMAGE" >/dev/null
}

# The index of this machine's pip, for the build alone.
pip_settings() {
    echo '[global]'
    for key in index-url extra-index-url trusted-host; do
        value=$(python3 -m pip config get ":env:.$key" 2>/dev/null || python3 -m pip config get "global.$key" 2>/dev/null) || continue
        case $value in *file:*) ;; *) echo "$key = $value" ;; esac # folders of this machine are not in the build
    done
}

case $BASE_IMAGE in
localhost/*) buildah inspect --type image "$BASE_IMAGE" >/dev/null 2>&1 || make_base ;;
esac
pip_settings >"$folder/pip.conf"
certificates=/etc/ssl/certs/ca-certificates.crt
set -- # more options of buildah
[ ! -f "$certificates" ] || set -- --volume "$certificates:$certificates:ro"
# The format of Docker: that of OCI has no HEALTHCHECK.
buildah bud --quiet --format docker --file deploy/Dockerfile --tag "$IMAGE" --secret "id=pip.conf,src=$folder/pip.conf" \
    --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "EXTRAS=$EXTRAS" "$@" .
