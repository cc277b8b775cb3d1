"""Resident memory of a server over a million texts of mixed length, all different, posted over HTTP.

    python -m benchmarks.reliability.memory_http [BUNDLE] [--texts 1000000] [--layers 1]    (default: demo/checkpoint)

Texts have 8 to 400 tokens and come from four connections, in requests of one, 16 and 256 texts by turns. Shapes, queue,
parsing and answers are what is tested, not the depth of the encoder: without a BUNDLE the demo's checkpoint is exported
with its first layers alone, which makes a million texts a matter of minutes. Memory is read after every 10,000 texts;
the first 50,000 warm up. Writes benchmarks/results/memory_http/.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks.common import texts as texts_of
from benchmarks.common.results import write_report, write_result
from benchmarks.reliability.memory import CHUNK, LIMIT_MB, WARM_UP, curve_table, growth, resident_mb
from glossator.service.inference.runtime.machine import describe_machine

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
from servers import server

CONNECTIONS = 4
SIZES = (1, 16, 256)
CHECKPOINT = Path("demo/checkpoint")


def shallow(checkpoint: Path, layers: int, folder: Path) -> Path:
    """A bundle of the checkpoint's first layers."""
    from transformers import AutoModelForSequenceClassification

    cut, bundle = folder / "checkpoint", folder / "shallow"
    shutil.copytree(checkpoint, cut)
    AutoModelForSequenceClassification.from_pretrained(checkpoint, num_hidden_layers=layers).save_pretrained(cut)
    export = [sys.executable, "-m", "glossator", "export", str(cut), "--output", str(bundle), "--precision", "int8"]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    return bundle


def requests_of(texts: list[str]) -> list[list[str]]:
    """The texts in requests, of each size as many."""
    made: list[list[str]] = []
    place = 0
    while place < len(texts):
        size = SIZES[len(made) % len(SIZES)]
        made.append(texts[place : place + size])
        place += size
    return made


def post(client: httpx.Client, url: str, texts: list[str]) -> int:
    """Posts one request; the tokens of its answers."""
    response = client.post(url, json={"texts": texts})
    response.raise_for_status()
    answers = response.json()["results"]
    assert len(answers) == len(texts)
    return sum(int(answer["tokens"]) for answer in answers)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a server stands after some requests more: its memory, and what it has answered since the last mark."""

    resident_mb: float
    requests: int
    tokens: int


def marks(bundle: Path, texts: Callable[[int], list[str]], count: int) -> Iterator[Mark]:
    """Where a server stands when it is loaded, and after each of `count` lots of texts."""
    with (
        server(bundle, queue_seconds=60) as running,
        ThreadPoolExecutor(CONNECTIONS) as pool,
        httpx.Client(timeout=60) as client,
    ):
        send = partial(post, client, f"{running.url}/v1/models/{bundle.name}/predict")
        yield Mark(resident_mb(running.process.pid), 0, 0)
        for number in range(count):
            asked = requests_of(texts(number))
            tokens = sum(pool.map(send, asked))
            yield Mark(resident_mb(running.process.pid), len(asked), tokens)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--texts", type=int, default=1_000_000)
    options = parser.parse_args()
    found: list[Mark] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bundle = options.bundle or shallow(CHECKPOINT, options.layers, Path(folder))
        what = str(options.bundle or f"{CHECKPOINT} with its first {options.layers} of its layers")
        for mark in marks(bundle, lambda lot: texts_of.mixed(options.data, lot, CHUNK), options.texts // CHUNK):
            print(f"· {len(found) * CHUNK:,} texts, {mark.resident_mb:.1f} MB, {time.monotonic() - began:,.0f} s",
                  file=sys.stderr, flush=True)  # fmt: skip
            found.append(mark)
    loaded, *curve = (mark.resident_mb for mark in found)
    tokens, requests = (sum(getattr(mark, name) for mark in found) for name in ("tokens", "requests"))
    seconds = time.monotonic() - began
    grown = growth(curve)
    lines = [
        "# Memory of a server over many texts",
        "",
        f"{len(curve) * CHUNK:,} texts of 8 to 400 tokens, {tokens:,} tokens, all different, in {requests:,} requests "
        f"over {CONNECTIONS} connections and {seconds:,.0f} s; {what}; {describe_machine()[0]}. With the model loaded "
        f"{loaded:.1f} MB. Repeat with `python -m benchmarks.reliability.memory_http`.",
        "",
        f"After {WARM_UP:,} texts it grew by {grown:.1f} MB at most; the limit is {LIMIT_MB:.0f} MB.",
        "",
        curve_table(curve),
    ]
    write_report("memory_http", "\n".join(lines))
    fields = {"machine": describe_machine()[0], "model": what, "texts": len(curve) * CHUNK, "tokens": tokens,
              "requests": requests, "seconds": seconds, "loaded": loaded, "every": CHUNK,
              "resident": curve}  # fmt: skip
    write_result("memory_http", fields)
    print("\n".join(lines))
    return int(grown > LIMIT_MB)


if __name__ == "__main__":
    raise SystemExit(main())
