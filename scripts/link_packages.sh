#!/bin/sh
# Links the folders at the root into glossator/, where static tools (mypy, pyright, import-linter) look for packages.
# Usage: scripts/link_packages.sh [--remove]. Run it after `pip install --editable`, which must not see the links.
set -eu
cd "$(dirname "$0")/.."
for folder in cli evaluation examples export modeling service training workflows; do
    rm -f "glossator/$folder"
    [ "${1:-}" = --remove ] || ln -s "../$folder" "glossator/$folder"
done
