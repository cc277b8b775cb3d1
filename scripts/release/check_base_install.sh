#!/bin/sh
# Builds the wheel, installs the base into a fresh environment and uses a bundle there: verify, label, serve, predict,
# a page, and a job. The commands run in a folder that has packages named service, cli, training, ... of its own.
# Usage: scripts/release/check_base_install.sh BUNDLE
set -eu
: "${PYTHON:=python3}"
bundle=${1:?give a bundle folder}
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT

"$PYTHON" -m venv "$folder/venv"
pip() { "$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

# The wheel must hold glossator and its dist-info only, and be the same without the links that static tools need.
mkdir "$folder/clean"
git ls-files -z | xargs -0 cp --parents -t "$folder/clean" 2>/dev/null
pip wheel --no-deps --wheel-dir "$folder/linked" .
pip wheel --no-deps --wheel-dir "$folder/unlinked" "$folder/clean"
"$PYTHON" scripts/release/check_wheel.py "$folder"/linked/*.whl "$folder"/unlinked/*.whl
pip install --constraint constraints.txt "$folder"/linked/*.whl
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

root=$PWD
case $bundle in /*) ;; *) bundle="$root/$bundle" ;; esac
if [ "$bundle" = "$root/demo/tickets" ]; then
    "$bin/python" scripts/docs/run_sessions.py --here --sessions README.md # the README shows what this bundle answers
fi
mkdir "$folder/app"
for package in cli evaluation examples export modeling service training workflows; do
    mkdir "$folder/app/$package"
    echo "raise ImportError('glossator imported a package of the application')" >"$folder/app/$package/__init__.py"
done
cd "$folder/app"
"$bin/python" -m glossator version
"$bin/python" -c "import glossator, sys; print(glossator.__version__, glossator.load(sys.argv[1])('Where is my parcel?').label)" "$bundle"
"$bin/glossator" verify "$bundle"
printf '%s\n' '{"text": "Where is my parcel?"}' '{"text": ""}' >"$folder/in.jsonl"
code=0
"$bin/glossator" label "$folder/in.jsonl" --model "$bundle" --output "$folder/out.jsonl" --quiet || code=$?
[ "$code" = 3 ] || { echo "error: labelling a file with a bad row exited with $code, expected 3" >&2; exit 1; }
[ "$(wc -l <"$folder/out.jsonl")" = 2 ] || { echo "error: two rows in, not two out" >&2; exit 1; }

"$bin/glossator" serve "$bundle" --port 0 --jobs "$folder/jobs" 2>"$folder/log" &
server=$!
for _ in $(seq 100); do
    url=$(sed -n 's/^listening on //p' "$folder/log")
    [ -z "$url" ] || break
    sleep 0.1
done
"$bin/python" - "$url" <<'PY'
import json, sys, time
from urllib.request import Request, urlopen

url = sys.argv[1]
name = json.load(urlopen(f"{url}/v1/models"))["models"][0]["name"]
body = json.dumps({"text": "Where is my parcel?"}).encode()
request = Request(f"{url}/v1/models/{name}/predict", body, {"Content-Type": "application/json"})
print("answered over HTTP:", json.load(urlopen(request))["results"][0]["labels"])
page = urlopen(f"{url}/ui/models").read().decode()
assert name in page, "the page does not name the model"
form = f'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n{name}\r\n--x\r\n' \
    'Content-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\ntext\nWhere is my parcel?\n\r\n--x--\r\n'
request = Request(f"{url}/v1/jobs", form.encode(), {"Content-Type": "multipart/form-data; boundary=x"})
job = json.load(urlopen(request))
for _ in range(600):  # a worker process labels it
    job = json.load(urlopen(f"{url}/v1/jobs/{job['id']}"))
    if job["state"] not in ("queued", "running"):
        break
    time.sleep(0.1)
assert (job["state"], job["rows"], job["failed"]) == ("completed", 1, 0), job
print("labelled by a job:", job["rows"], "row")
PY
code=0
"$bin/glossator" train "$folder/in.jsonl" --output "$folder/none" 2>"$folder/message" || code=$?
grep -q "glossator\[training\]" "$folder/message" || { echo "error: train does not say which extra it needs" >&2; exit 1; }
[ "$code" = 2 ] || { echo "error: train without its extra exited with $code, expected 2" >&2; exit 1; }
size=$(du -sm "$folder/venv" | cut -f1)
# Types reach users: mypy knows the result of load(), and finds a mistake.
"$PYTHON" -m venv "$folder/mypy" # apart: the slim environment has no pip
"$folder/mypy/bin/python" -m pip --disable-pip-version-check --quiet install --constraint "$root/constraints.txt" mypy
mypy() { "$folder/mypy/bin/python" -m mypy --strict --python-executable "$bin/python" "$@"; }
printf '%s\n' 'import glossator' 'label: str | None = glossator.load("a")("text").label' >"$folder/right.py"
printf '%s\n' 'import glossator' 'label: int = glossator.load("a")("text").label' >"$folder/wrong.py"
cd "$folder"
mypy right.py
if mypy wrong.py; then
    echo "error: mypy does not see the types of glossator" >&2
    exit 1
fi
echo "the base install is light and answers: $size MB as in the image"
