"""Whether a text's answer depends on its batch: the served int8 graph and the stock recipe.

    python -m benchmarks.quality.invariance [--checkpoint CHECKPOINT] [--bundle BUNDLE]

CHECKPOINT and BUNDLE are what `python -m benchmarks.quality.accuracy banking77` leaves in work/banking77. Every text of
banking77's test split is answered alone; then in batches of 32 in three orders drawn at random, in batches of 32 sorted
by length, next to one text of 500 tokens, and online, asked one by one by 32 threads through the queue that serves.
What counts is how far a logit is from what it was alone, and whether the highest is another. Writes
benchmarks/results/invariance/.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.common import texts as texts_of
from benchmarks.common.engine_options import parser
from benchmarks.common.results import ROOT, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.session import Session

sys.path.insert(0, str(ROOT / "benchmarks" / "speed" / "rivals"))
from stock import convert_stock

BATCH = 32
NEXT_TO_LONG = 8
"""Texts of the test split in a batch with the long one."""
LONG = 500
CLIENTS = 32

Windows = list[list[int]]
Logits = NDArray[np.float32]


def in_batches(session: Session, windows: Windows, order: Sequence[int], size: int) -> Logits:
    """Logits in the order of `windows`, of batches cut from `order`."""
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    with ThreadPoolExecutor(_cpus()) as pool:
        answers = list(pool.map(lambda part: np.stack(session.run([windows[index] for index in part])), parts))
    logits = np.empty((len(windows), answers[0].shape[1]), dtype=np.float32)
    for part, answer in zip(parts, answers, strict=True):
        logits[part] = answer
    return logits


def next_to_long(session: Session, windows: Windows, long: list[int]) -> Logits:
    """Logits of texts that share their batch with a long one."""
    parts = [windows[start : start + NEXT_TO_LONG] for start in range(0, len(windows), NEXT_TO_LONG)]
    with ThreadPoolExecutor(_cpus()) as pool:
        return np.concatenate(list(pool.map(lambda part: np.stack(session.run([*part, long])[:-1]), parts)))


def online(session: Session, windows: Windows) -> Logits:
    """Logits of texts asked one by one by many threads at the same time."""
    with Batcher(session.run, workers=_cpus()) as batcher, ThreadPoolExecutor(CLIENTS) as pool:
        return np.concatenate(list(pool.map(lambda window: np.stack(batcher.submit([window]).result()), windows)))


def ways(session: Session, windows: Windows, long: list[int]) -> Iterator[tuple[str, Logits]]:
    """Each way of asking, and the logits it gave."""
    for seed in range(3):
        order = [int(index) for index in np.random.default_rng(seed).permutation(len(windows))]
        yield f"batches of {BATCH}, random order {seed + 1}", in_batches(session, windows, order, BATCH)
    falling = sorted(range(len(windows)), key=lambda index: -len(windows[index]))
    yield f"batches of {BATCH}, sorted by length", in_batches(session, windows, falling, BATCH)
    yield f"{NEXT_TO_LONG} next to a text of {LONG} tokens", next_to_long(session, windows, long)
    yield f"online, {CLIENTS} callers", online(session, windows)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def main() -> int:
    options = parser(__doc__).parse_args()
    work = options.work / "engines"
    work.mkdir(parents=True, exist_ok=True)
    bundle = read_bundle(options.bundle)
    served = bundle.path / bundle.manifest.served.graph
    scheme = bundle.manifest.served.scheme or bundle.manifest.served.precision
    tokenizer = Tokenizer.from_file(str(options.checkpoint / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONG)
    texts = [text for text, _ in texts_of.banking77_test(options.data)]
    windows = [each.ids for each in tokenizer.encode_batch_fast(texts)]
    long = tokenizer.encode(" ".join(texts_of.mixed(options.data, 0)[:40])).ids
    assert len(long) == LONG
    graphs = {f"served ({scheme})": served, "stock recipe": convert_stock(str(options.checkpoint), work)}
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for name, graph in graphs.items():
        session = Session(graph, pad_token_id=bundle.manifest.task.encoding.pad_token_id)
        alone = in_batches(session, windows, range(len(windows)), 1)
        for way, logits in ways(session, windows, long):
            moved = float(np.abs(logits - alone).max())
            flips = int((logits.argmax(axis=1) != alone.argmax(axis=1)).sum())
            found.setdefault(way, {})[name] = (moved, flips)
            print(f"· {name}, {way}: {moved:.5f}, {flips} flips", flush=True)
    header = ["against the same text alone", *(f"{name}: {what}" for name in graphs for what in ("moved by", "flips"))]
    rows = [
        [way, *(cell for name in graphs for cell in (f"{by[name][0]:.5f}", str(by[name][1])))]
        for way, by in found.items()
    ]
    lines = [
        "# The same text, the same answer",
        "",
        f'banking77\'s {len(windows):,} test texts; {describe_machine()[0]}. "Moved by" is the largest difference of '
        f'any logit, "flips" counts texts that got another label. The bundle states a bound of '
        f"{bundle.manifest.verification.batch_difference:.5f}. Repeat with `python -m benchmarks.quality.invariance`.",
        "",
        markdown_table(header, rows, right=(1, 2, 3, 4)),
    ]
    write_report("invariance", "\n".join(lines))
    fields = {"machine": describe_machine()[0], "texts": len(windows), "moved_and_flips": found}
    write_result("invariance", fields)
    print("\n".join(lines))
    ours = next(iter(graphs))
    return int(any(by[ours][0] > 0.01 or by[ours][1] for by in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
