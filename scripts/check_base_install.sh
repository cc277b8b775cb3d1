#!/bin/sh
# Installs the base alone into a fresh environment and uses a bundle there: verify, label, serve and ask.
# Usage: scripts/check_base_install.sh BUNDLE
set -eu
: "${PYTHON:=python3}"
bundle=${1:?give a bundle folder}
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT

"$PYTHON" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet install --constraint constraints.txt .
bin="$folder/venv/bin"

for package in torch transformers datasets sklearn scipy spacy pandas onnx matplotlib; do
    if "$bin/python" -c "import $package" 2>/dev/null; then
        echo "error: the base install brought $package" >&2
        exit 1
    fi
done

echo "the base install takes $(du -sm "$folder/venv" | cut -f1) MB"
sh deploy/slim.sh "$folder/venv"  # as the image is made: all of what follows works without what that removes
export PYTHONDONTWRITEBYTECODE=1

"$bin/glossator" verify "$bundle"
if [ "$bundle" = demo/tickets ]; then
    "$bin/python" scripts/run_sessions.py README.md  # what the README shows is what this bundle answers
fi
printf '%s\n' '{"text": "Where is my parcel?"}' '{"text": ""}' >"$folder/in.jsonl"
code=0
"$bin/glossator" label "$folder/in.jsonl" --model "$bundle" --output "$folder/out.jsonl" --quiet || code=$?
[ "$code" = 3 ] || { echo "error: labelling a file with a bad row exited with $code, expected 3" >&2; exit 1; }
[ "$(wc -l <"$folder/out.jsonl")" = 2 ] || { echo "error: two rows in, not two out" >&2; exit 1; }

"$bin/glossator" serve "$bundle" --port 0 2>"$folder/log" &
server=$!
for _ in $(seq 100); do
    url=$(sed -n 's/^listening on //p' "$folder/log")
    [ -z "$url" ] || break
    sleep 0.1
done
"$bin/python" - "$url" <<'PY'
import json, sys
from urllib.request import Request, urlopen

url = sys.argv[1]
name = json.load(urlopen(f"{url}/v1/models"))["models"][0]["name"]
body = json.dumps({"text": "Where is my parcel?"}).encode()
request = Request(f"{url}/v1/models/{name}/predict", body, {"Content-Type": "application/json"})
print("answered over HTTP:", json.load(urlopen(request))["results"][0]["labels"])
PY
code=0
"$bin/glossator" train "$folder/in.jsonl" --output "$folder/none" 2>"$folder/message" || code=$?
grep -q "glossator\[training\]" "$folder/message" || { echo "error: train does not say which extra it needs" >&2; exit 1; }
[ "$code" = 2 ] || { echo "error: train without its extra exited with $code, expected 2" >&2; exit 1; }
echo "the base install is light and answers: $(du -sm "$folder/venv" | cut -f1) MB as in the image"
