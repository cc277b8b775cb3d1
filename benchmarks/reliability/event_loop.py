"""How long `/livez` takes while the server answers requests of 1,000 texts with 1,500 labels each, or 1,000 vectors.

    python -m benchmarks.reliability.event_loop [--seconds 10] [--routes PART]

One process posts large requests, one after the other, to one route after the other; another asks for `/livez` every
20 ms. Both share the CPUs with the server. `--routes` measures only routes whose path contains PART, and stores
nothing. Writes benchmarks/results/event_loop/.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
from vote_bundle import vector_bundle, vote_bundle

LIMIT_MS = 50.0
SETTLE_SECONDS = 8.0
"""The server measures the cost of batches of each model after its start."""
LABELS = [f"label number {number}" for number in range(1_500)]
TEXTS = ["where is my parcel"] * 1_000
DIMENSION = 384
_CONTROL = '<Choices name="label" toName="text" choice="multiple">'
_CHOICES = "".join(f'<Choice value="{label}"/>' for label in LABELS)
CONFIG = f'<View><Text name="text" value="$text"/>{_CONTROL}{_CHOICES}</Choices></View>'
_INPUT = {"name": "text", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS}
REQUESTS: Mapping[str, Any] = {
    "/v1/models/wide/predict": {"texts": TEXTS, "top_k": len(LABELS)},
    "/tei/wide/predict": {"inputs": [[text] for text in TEXTS]},
    "/hf/wide": {"inputs": TEXTS},
    "/cohere/v1/classify": {"model": "wide", "inputs": TEXTS},
    "/v1/models/wide:predict": {"instances": TEXTS},
    "/v2/models/wide/infer": {"inputs": [_INPUT]},
    "/label-studio/several/predict": {"tasks": [{"data": {"text": text}} for text in TEXTS], "label_config": CONFIG},
    "/v1/embeddings": {"model": "vectors", "input": TEXTS},
    "/tei/vectors/embed": {"inputs": TEXTS},
}
"""A large request to each route; `several` assigns any number of the labels."""


def post(url: str, path: str, stop: Event, found: Any) -> None:
    """Post the request until `stop` is set, and put the number of answers and the bytes of the last into the queue."""
    body = json.dumps(REQUESTS[path]).encode()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    answers = size = 0
    while not stop.is_set():
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{path}: {answer.status} {content[:500]!r}")
        answers, size = answers + 1, len(content)
    found.put((answers, size))


def measure(url: str, path: str, seconds: float) -> dict[str, float]:
    """The figures of one route."""
    stop, found = multiprocessing.Event(), multiprocessing.Queue()  # type: ignore[var-annotated]
    load = multiprocessing.Process(target=post, args=(url, path, stop, found), daemon=True)
    times = []
    with httpx.Client(base_url=url, timeout=60) as client:
        load.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and load.is_alive():
            began = time.perf_counter()
            client.get("/livez").raise_for_status()
            times.append(1e3 * (time.perf_counter() - began))
            time.sleep(0.02)
        stop.set()
        answers, size = found.get(timeout=120)
        load.join()
    quantiles = {f"p{which}": float(np.percentile(times, which)) for which in (50, 99, 100)}
    return quantiles | {"probes": len(times), "answers": answers, "megabytes": size / 1e6}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--routes", default="")
    options = parser.parse_args()
    asked = [path for path in REQUESTS if options.routes in path]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bundles = [
            vote_bundle(root / "wide", "single_label_classification", labels=LABELS),
            vote_bundle(root / "several", "multi_label_classification", labels=LABELS),
            vector_bundle(root / "vectors", dimension=DIMENSION),
        ]
        command = [sys.executable, "-m", "glossator", "serve", *map(str, bundles), "--port", "0"]
        environment = os.environ | {"GLOSSATOR_QUEUE_SECONDS": "60", "GLOSSATOR_CACHE_DIR": folder}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
            try:
                assert server.stderr is not None
                url = next(line for line in server.stderr if line.startswith("listening")).split()[-1]
                time.sleep(SETTLE_SECONDS)
                found = {path: measure(url, path, options.seconds) for path in asked}
            finally:
                server.terminate()
    rows = [
        [f"`{path}`", *(f"{each[name]:.1f}" for name in ("p50", "p99", "p100", "megabytes")), str(each["answers"])]
        for path, each in found.items()
    ]
    text = "\n".join([
        "# The event loop under large answers", "",
        f"{describe_machine()[0]}. `/livez` while each route answers {len(TEXTS):,} texts with {len(LABELS):,} labels, "
        f"or with vectors of {DIMENSION} numbers; {options.seconds:g} s a route. The limit is {LIMIT_MS:g} ms. Repeat "
        "with `python -m benchmarks.reliability.event_loop`.", "",
        markdown_table(["route", "p50 ms", "p99 ms", "longest ms", "MB an answer", "answers"], rows),
    ])  # fmt: skip
    if not options.routes:
        write_report("event_loop", text)
        write_result("event_loop", {"labels": len(LABELS), "routes": found})
    print(text)
    return int(max(each["p99"] for each in found.values()) > LIMIT_MS)


if __name__ == "__main__":
    raise SystemExit(main())
