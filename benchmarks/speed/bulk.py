"""Speed of labelling a file, compared with other ways to do it on the same texts, and its memory over a million rows.

    python -m benchmarks.speed.bulk BUNDLE TEXTS [--rows 3000] [--rounds 9] [--shape short] [--checkpoint FOLDER]
        [--million]

`label` reads JSON lines, tokenises, infers, writes JSON lines with ledger and flushes. Against it, one process each,
interleaved:

- `loop`: every token id in memory, batches planned beforehand by the same costs, a thread a CPU that runs them; no
  tokenising, no decoding, no file. What is left of its speed is what all the rest costs.
- `plain`: ONNX Runtime as its documentation has it: the same graph, two threads within an operator, the tokenizer's own
  padding, batches of 32 in the order of the file, the best label of each written as JSON lines. Texts are cut at the
  window's end, where `label` reads them whole.
- `pipeline`, with a checkpoint: `transformers.pipeline`, the better of batches of 8 and 32, texts cut likewise.
- `spacy`: `nlp.pipe` of a text categoriser of spaCy's own, as it comes, with as many labels; another, smaller model.

`--shape mix` joins texts to lengths of 8 to 400 tokens, lognormal; TEXTS may be compressed. With `--million` the texts,
numbered, are a file of a million rows, and the peak of resident memory is reported after each hundredth of them. Adds
to benchmarks/results/bulk/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import read_values, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.documents.sources.open_source import open_source
from glossator.service.inference.model import load
from glossator.service.inference.queue.batch_planning import Cost, plan
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.summary import LabelSummary
from glossator.service.tasks.encoded import windows_of

MILLION = 1_000_000
BATCH = 32
PIPELINE_SHARE = 10
"""One row in this number goes to the pipeline, which is slow."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--shape", choices=["short", "mix", "long"], default="short")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--engine", choices=list(ENGINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        ENGINES[options.engine](options)
        return
    with tempfile.TemporaryDirectory() as folder:
        with open_source(options.texts) as file:
            texts = [str(record.fields["text"]) for record in file.records()]
        source = Path(folder) / "in.jsonl"
        if options.million:
            write(source, [f"{texts[number % len(texts)]} {number}" for number in range(MILLION)])
            keep(options, {"memory": ask(start("memory", options, source), "", True)})
            return
        made = mixed(texts, options.rows) if options.shape == "mix" else texts
        write(source, [made[number % len(made)] for number in range(options.rows)])
        names = ["label", "loop", "plain", *(["pipeline"] if options.checkpoint else []), "spacy"]
        engines = {name: start(name, options, source) for name in names}
        cost = ""
        speeds: dict[str, list[float]] = {name: [] for name in engines}
        for number in range(options.rounds + 1):
            for name, engine in engines.items():
                rows, seconds, cost = ask(engine, cost, number == options.rounds)
                if number:  # the first warms up
                    speeds[name].append(rows / seconds)
        keep(options, {"speeds": speeds, "shape": options.shape, "rows": options.rows})


def mixed(texts: list[str], rows: int, seed: int = 1) -> list[str]:
    """Texts joined to lengths of 8 to 400 tokens, lognormal with a median of 60, taking four letters for a token."""
    chance = np.random.default_rng(seed)
    lengths = np.clip(chance.lognormal(np.log(60), 1.0, rows), 8, 400) * 4
    made, place = [], 0
    for length in lengths:
        parts: list[str] = []
        while sum(map(len, parts)) < length:
            parts.append(texts[place % len(texts)])
            place += 1
        made.append(" ".join(parts))
    return made


def write(path: Path, texts: list[str]) -> None:
    """The input."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def start(name: str, options: argparse.Namespace, source: Path) -> subprocess.Popen[str]:
    """An engine in a process of its own."""
    checkpoint = [] if options.checkpoint is None else ["--checkpoint", str(options.checkpoint)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.speed.bulk", str(options.bundle), str(source), "--engine", name,
         *checkpoint],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def ask(engine: subprocess.Popen[str], cost: str, last: bool) -> Any:
    """One run of an engine; those that plan batches do it by the costs that `label` measured."""
    assert engine.stdin is not None
    assert engine.stdout is not None
    engine.stdin.write(f"{cost}\n")
    engine.stdin.flush()
    answer = json.loads(engine.stdout.readline())
    if last:
        engine.stdin.close()
        engine.wait()
    return answer


def report(rows: int, began: float, cost: str = "") -> None:
    """Answers `ask`."""
    print(json.dumps([rows, time.perf_counter() - began, cost]), flush=True)


def serve_label(options: argparse.Namespace) -> None:
    """Labels the file, again and again."""
    model = load(options.bundle)
    cost = json.dumps(asdict(model.measure_batch_cost()))
    output = options.texts.with_suffix(".out.jsonl")
    for _ in sys.stdin:
        began = time.perf_counter()
        summary = label_file(FileLabelling(source=str(options.texts), output=str(output)), model, overwrite=True)
        report(summary.rows, began, cost)


def serve_loop(options: argparse.Namespace) -> None:
    """Runs the file's windows, which are in memory, again and again."""
    model = load(options.bundle)
    texts = read(options.texts)
    windows = windows_of(model.pipeline.encode_all(texts))
    batches: list[list[list[int]]] = []
    with ThreadPoolExecutor(model.threads) as pool:
        for cost in sys.stdin:
            planned = plan([len(window) for window in windows], Cost(**json.loads(cost)))
            batches = batches or [[windows[index] for index in batch] for batch in planned]
            began = time.perf_counter()
            list(pool.map(model.run, batches))
            report(len(texts), began, cost.strip())


def serve_plain(options: argparse.Namespace) -> None:
    """Labels the file as ONNX Runtime's examples do."""
    from tokenizers import Tokenizer

    from glossator.service.bundle.reader import read_bundle as read_bundle
    from glossator.service.inference.runtime.session import Session
    from glossator.service.inference.runtime.threads import available_cpus

    bundle = read_bundle(options.bundle)
    encoding = bundle.task.encoding
    tokenizer = Tokenizer.from_file(str(options.bundle / "tokenizer.json"))
    tokenizer.enable_truncation(encoding.max_length)
    tokenizer.no_padding()
    session = Session(
        options.bundle / bundle.manifest.served.graph, pad_token_id=encoding.pad_token_id, threads=available_cpus()
    )
    for cost in sys.stdin:
        began = time.perf_counter()
        texts = read(options.texts)
        with open(options.texts.with_suffix(".plain.jsonl"), "w") as file:
            for first in range(0, len(texts), BATCH):
                batch = texts[first : first + BATCH]
                logits = session.run([each.ids for each in tokenizer.encode_batch(batch)])
                for text, row in zip(batch, logits, strict=True):
                    label = bundle.task.labels[int(np.argmax(row))]
                    file.write(json.dumps({"text": text, "label": label}) + "\n")
        report(len(texts), began, cost.strip())


def serve_pipeline(options: argparse.Namespace) -> None:
    """Labels some of the file with transformers' pipeline, in the better of two batch sizes."""
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    classify = pipeline("text-classification", model=str(options.checkpoint), truncation=True)
    texts = read(options.texts)
    texts = texts[: max(64, len(texts) // PIPELINE_SHARE)]

    def seconds(size: int) -> float:
        began = time.perf_counter()
        for _ in classify(texts, batch_size=size):
            pass
        return time.perf_counter() - began

    best = 0
    for cost in sys.stdin:
        best = best or min((8, 32), key=seconds)
        began = time.perf_counter()
        seconds(best)
        report(len(texts), began, cost.strip())


def serve_spacy(options: argparse.Namespace) -> None:
    """Labels the file with spaCy's own text categoriser."""
    import spacy
    from spacy.training import Example

    labels = load(options.bundle, threads=1).task.labels
    nlp = spacy.blank("en")
    categoriser = nlp.add_pipe("textcat")
    for label in labels:
        categoriser.add_label(label)
    texts = read(options.texts)
    examples = [Example.from_dict(nlp.make_doc(text), {"cats": dict.fromkeys(labels, 0.0)}) for text in texts[:50]]
    nlp.initialize(lambda: examples)
    for cost in sys.stdin:
        began = time.perf_counter()
        for document in nlp.pipe(texts, batch_size=256):
            max(document.cats, key=document.cats.__getitem__)
        report(len(texts), began, cost.strip())


def read(path: Path) -> list[str]:
    """The texts of the input."""
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def serve_memory(options: argparse.Namespace) -> None:
    """Labels the file once; resident MB after each hundredth of its rows."""
    import psutil

    model = load(options.bundle)
    curve: list[float] = []

    def note(summary: LabelSummary) -> None:
        if summary.rows >= MILLION // 100 * (len(curve) + 1):
            curve.append(psutil.Process().memory_info().rss / 1e6)

    sys.stdin.readline()
    summary = label_file(
        FileLabelling(source=str(options.texts), output=str(options.texts.with_suffix(".out.jsonl"))),
        model,
        progress=note,
    )
    print(json.dumps({"rows": summary.rows, "seconds": summary.seconds, "megabytes": curve}), flush=True)


def keep(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Adds to both result files."""
    kept: list[dict[str, Any]] = read_values("bulk") or []
    name = json.loads((options.bundle / "bundle.json").read_text())["task"]["provenance"]["algorithm"]
    texts = options.texts.name.partition(".")[0]
    kept = [each for each in kept if (each["algorithm"], each["texts"], each.get("shape")) != (
        name, texts, found.get("shape"))]  # fmt: skip
    kept.append({"machine": describe_machine()[0], "algorithm": name, "texts": texts} | found)
    write_result("bulk", kept)
    speeds, memory = [], []
    for each in kept:
        if "speeds" in each:
            ours = np.array(each["speeds"]["label"])
            row = [each["algorithm"], each["texts"], each["shape"], f"{each['rows']:,}", f"{np.median(ours):,.0f}"]
            for side in RIVALS:
                theirs = np.array(each["speeds"].get(side, []))
                ratio = ours / theirs if len(theirs) else theirs
                row.append(f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})" if len(ratio) else "")
            speeds.append(row)
        else:
            found_memory = each["memory"]
            curve = found_memory["megabytes"]
            memory.append([
                each["algorithm"], each["texts"], f"{found_memory['rows']:,}", f"{found_memory['seconds']:,.0f}",
                f"{curve[0]:,.0f}", f"{curve[len(curve) // 2]:,.0f}", f"{max(curve):,.0f}",
            ])  # fmt: skip
    text = "\n".join(
        [
            "# Labelling a file",
            "",
            f"{describe_machine()[0]}. Rows a second of `label`, from end to end, and how many times the speed of "
            "others that is: medians of interleaved rounds, one process each, and their range. The script "
            "describes each of them. Repeat with `python -m benchmarks.speed.bulk BUNDLE TEXTS --checkpoint FOLDER`.",
            "",
            markdown_table(["algorithm", "texts", "shape", "rows", "label, rows/s", *RIVALS], speeds),
            "",
            "Memory: resident MB of the process as a million rows go through it "
            "(`python -m benchmarks.speed.bulk BUNDLE TEXTS --million`).",
            "",
            markdown_table(["algorithm", "texts", "rows", "seconds", "MB at 1 %", "at 50 %", "at most"], memory),
        ]
    )  # fmt: skip
    write_report("bulk", text)
    print(text)


RIVALS = ("loop", "plain", "pipeline", "spacy")
ENGINES = {
    "label": serve_label, "loop": serve_loop, "plain": serve_plain, "pipeline": serve_pipeline, "spacy": serve_spacy,
    "memory": serve_memory,
}  # fmt: skip

if __name__ == "__main__":
    main()
