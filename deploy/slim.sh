#!/bin/sh
# Removes from a virtual environment what an installed service never uses.
# Usage: deploy/slim.sh VENV
set -eu
venv=${1:?give a virtual environment}
packages=$(echo "$venv"/lib/python3*/site-packages)

"$venv/bin/python" -m pip --quiet uninstall --yes hf-xet setuptools pip
# A second copy of the runtime, for programs in C++, and what converts and quantises models.
rm -f "$packages"/onnxruntime/capi/libonnxruntime.so*
for part in transformers tools quantization datasets; do
    rm -rf "$packages/onnxruntime/$part"
done
find "$venv" -name __pycache__ -prune -exec rm -rf {} +
find "$venv" -type d -name tests -prune -exec rm -rf {} +
