#!/bin/sh
# Makes the virtual environment and installs Glossator for development, every version pinned by constraints.txt.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}"

if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: $("$PYTHON" --version) is too old; Python 3.11 or later is needed: make PYTHON=python3.12 ..." >&2
    exit 2
fi
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV" || {
    echo "error: no virtual environment could be made; on Debian: apt-get install python3-venv" >&2
    exit 2
}
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

torch=$(grep '^torch==' constraints.txt)
echo "installing $torch, then the packages pinned in constraints.txt (some minutes the first time)" >&2
"$VENV/bin/python" scripts/check_torch.py --installed || pip install --no-deps "$torch"
"$VENV/bin/python" scripts/check_torch.py || {
    pip uninstall --yes torch
    exit 2
}
sh scripts/link_packages.sh --remove
pip install --constraint constraints.txt --editable '.[dev]'
sh scripts/link_packages.sh
