"""Every task on a real corpus, by the commands a user types: train, export, and measure what is served.

    python -m benchmarks.quality.tasks [CORPUS ...] [--data ../shared/data] [--work work] [--reuse]

Every choice (epoch, thresholds, precision) is made on validation rows. The test rows are answered by the PyTorch
checkpoint in fp32, the bundle's graph in fp32 and its graph in int8, all through the same pipeline; the three take
turns, and speeds are medians of the rounds. A row flips where its labels, entities or answer span are not those of the
checkpoint. Writes benchmarks/results/tasks/; corpora not named keep the results they have there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import read_values, write_report, write_result
from benchmarks.quality.accuracy import run
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.evaluate import evaluate_pipeline
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.modeling.labelled_rows import inputs_of, read_rows
from glossator.service.bundle import file_names
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.pipeline import Answer, Pipeline
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.session import Session
from glossator.service.inference.runtime.threads import available_cpus
from glossator.service.tasks.decoders import decoder
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_embedding import Embedding

SICK = ["sick-en-ja/en-train.csv", "--validation", "sick-en-ja/en-dev.csv", "--test", "sick-en-ja/en-test.csv"]
PAIR = ["--text-column", "sentence_a", "--second-column", "sentence_b"]
CORPORA = {
    "wnut17": [
        "wnut17/train.conll", "--validation", "wnut17/dev.conll", "--test", "wnut17/test.conll",
        "--epochs", "4", "--learning-rate", "1e-4",
    ],
    "sick-relatedness": [*SICK, *PAIR, "--task", "text-pair", "--label-column", "relatedness", "--epochs", "3"],
    "sick-entailment": [*SICK, *PAIR, "--task", "text-pair", "--label-column", "entailment", "--epochs", "5"],
    "sick-vectors": [*SICK, *PAIR, "--task", "text-embedding", "--label-column", "relatedness", "--epochs", "3"],
    "xquad-en": ["xquad/xquad.en.json", "--test-share", "0.2", "--epochs", "5"],
}  # fmt: skip
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", choices=[[], *sorted(CORPORA)], help="default: all")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--reuse", action="store_true", help="export the checkpoints of an earlier run again")
    options = parser.parse_args()
    results: dict[str, Any] = read_values("tasks") or {}
    for corpus in options.corpora or CORPORA:
        results[corpus] = road(corpus, options.data, options.work / corpus, reuse=options.reuse)
        results = {name: results[name] for name in CORPORA if name in results}
        write_result("tasks", results)
        write_report("tasks", text(results))
    print(text(results))


def road(corpus: str, data: Path, work: Path, *, reuse: bool) -> dict[str, Any]:
    """Trains, exports and measures one corpus."""
    work.mkdir(parents=True, exist_ok=True)
    checkpoint, bundle, record = work / "checkpoint", work / corpus, work / "trained.json"
    arguments = [str(data / part) if (data / part).is_file() else part for part in CORPORA[corpus]]
    if not (reuse and record.is_file()):
        trained = run("train", *arguments, "--output", str(checkpoint), "--overwrite", "--fresh")
        record.write_text(json.dumps(trained))
    outcome = json.loads(record.read_text())
    run("export", str(checkpoint), "--output", str(bundle), "--overwrite")
    return {
        "command": ["glossator", "train", *CORPORA[corpus]],
        "machine": describe_machine()[0],
        "device": outcome["device"],
        "training": outcome["outcome"],
        **measured(checkpoint, bundle),
    }


def measured(checkpoint: Path, bundle: Path) -> dict[str, Any]:
    """What each of the three models comes to on the test rows, how far it is from the first, and its speed."""
    opened = read_bundle(bundle)
    task, folder = opened.manifest.task, opened.path
    rows = read_rows(checkpoint / file_names.TEST)
    inputs = inputs_of(rows, task)
    served = opened.manifest.served
    with ExitStack() as stack:
        pipelines: dict[str, Pipeline] = {"PyTorch fp32": load_checkpoint(checkpoint)}
        for precision, graph in (("fp32", file_names.GRAPH_FP32), ("int8", file_names.GRAPH_INT8)):
            if (folder / graph).is_file():
                session = Session(folder / graph, pad_token_id=task.encoding.pad_token_id)
                batcher = stack.enter_context(Batcher(session.run, workers=available_cpus()))
                name = f"graph {precision}" + (", served" if served.precision == precision else "")
                pipelines[name] = Pipeline(make_encoder(folder / file_names.TOKENIZER, task), batcher, task)
        seconds: dict[str, list[float]] = {name: [] for name in pipelines}
        answers: dict[str, list[Answer]] = {}
        for _ in range(ROUNDS):
            for name, pipeline in pipelines.items():
                began = time.perf_counter()
                answers[name] = [answer for answer in pipeline.predict(inputs) if isinstance(answer, Answer)]
                seconds[name].append(time.perf_counter() - began)
                assert len(answers[name]) == len(inputs)
        found = {name: evaluate_pipeline(pipeline, rows) for name, pipeline in pipelines.items()}
    reference = answers["PyTorch fp32"]
    return {
        "task": task.task,
        "rows": len(rows),
        "served": served.model_dump(),
        "models": {
            name: {
                "metrics": {key: asdict(value) for key, value in found[name].metrics.items()},
                **apart(answers[name], reference, pipelines[name]),
                "texts_per_second": [len(inputs) / each for each in seconds[name]],
            }
            for name in pipelines
        },
    }


def apart(answers: Sequence[Answer], reference: Sequence[Answer], pipeline: Pipeline) -> dict[str, Any]:
    """Decisions that are not those of the reference; of scores and vectors, how far the farthest is from its own."""
    pairs = [(one.prediction, other.prediction) for one, other in zip(answers, reference, strict=True)]
    ratings = [
        abs(one.score - other.score) for one, other in pairs if isinstance(one, Rating) and isinstance(other, Rating)
    ]
    vectors = [
        float(1.0 - np.dot(one.vector, other.vector) / np.linalg.norm(one.vector) / np.linalg.norm(other.vector))
        for one, other in pairs
        if isinstance(one, Embedding) and isinstance(other, Embedding)
    ]
    if ratings:
        return {"largest_score_difference": max(ratings)}
    if vectors:
        return {"largest_cosine_distance": max(vectors)}
    summary = decoder(pipeline.task).summary
    decided = [(set(summary(one)[0]), set(summary(other)[0])) for one, other in pairs]
    return {
        "flips": sum(one != other for one, other in decided),
        "decisions_of_one_alone": sum(len(one ^ other) for one, other in decided),
        "decisions": sum(len(other) for _, other in decided),
    }


def text(results: dict[str, Any]) -> str:
    """The table of all corpora."""
    lines = [
        "# Every task on a real corpus",
        "",
        "Test rows, 95 % bootstrap intervals over the rows, one training seed. Repeat with "
        "`python -m benchmarks.quality.tasks`.",
    ]
    for corpus, result in results.items():
        names = list(next(iter(result["models"].values()))["metrics"])[:3]
        training = result["training"]
        table = [
            [
                name,
                *(_interval(model["metrics"][key]) for key in names),
                _apart(model),
                f"{statistics.median(model['texts_per_second']):,.0f}",
            ]
            for name, model in result["models"].items()
        ]
        lines += [
            "",
            f"## {corpus}: {result['task']}, {result['rows']:,} rows",
            "",
            markdown_table(
                ["what answers", *(METRIC_NAMES.get(key, key) for key in names), "against PyTorch", "inputs a second"],
                table,
            ),
            "",
            f"`{' '.join(result['command'])}`: "
            f"{training['epochs_run']} epochs in {training['seconds'] / 60:.1f} min on "
            f"{result['device']}, the best {training['best_epoch']}. {result['machine']}. "
            f"Served: {result['served']['reason']}.",
        ]
    return "\n".join(lines) + "\n"


def _interval(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.4f} ({estimate['low']:.4f} to {estimate['high']:.4f})"


def _apart(model: dict[str, Any]) -> str:
    if "flips" in model:
        alone = f"{model['decisions_of_one_alone']} of {model['decisions']:,} decisions"
        return f"{model['flips']} rows flip, {alone} are of one alone"
    if "largest_score_difference" in model:
        return f"scores within {model['largest_score_difference']:.2g}"
    return f"cosines from {1.0 - model['largest_cosine_distance']:.6f}"


if __name__ == "__main__":
    main()
