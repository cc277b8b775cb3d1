#!/bin/sh
# Removes files from a virtual environment that an installed service never uses.
# Usage: deploy/slim.sh VENV
set -eu
venv=${1:?pass the path of a virtual environment}
packages=$(echo "$venv"/lib/python3*/site-packages)

"$venv/bin/python" -m pip --quiet uninstall --yes hf-xet setuptools pip
# A second copy of ONNX Runtime, for C++ programs, and its tools to convert and quantise models.
rm -f "$packages"/onnxruntime/capi/libonnxruntime.so*
for part in transformers tools quantization datasets; do
    rm -rf "$packages/onnxruntime/$part"
done
find "$venv" -name __pycache__ -prune -exec rm -rf {} +
find "$venv" -type d -name tests -prune -exec rm -rf {} +
