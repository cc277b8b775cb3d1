"""The closed loop from end to end on real text: new classes appear, and a retrained version brings the accuracy back.

    python -m benchmarks.loop.story [--data FOLDER] [--work FOLDER]

banking77 without some of its classes trains a first version. It answers a simulated traffic of the other texts, each
text once; from a known day on, a quarter of the texts are of the classes that were left out. Everything else is what a
deployment runs: the prediction log, its drift detector, `glossator loop` with its reviews, alarms, retraining, shadow
and promotion. The reviewer knows the right labels. The true accuracy of each day is compared with what the reviews say.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import RESULTS, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.reviews.store import open_review_database
from glossator.workflows.corpus.data_splits import DataSources
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.loop.demo import draw
from glossator.workflows.loop.settings import parse_settings
from glossator.workflows.loop.simulation import DAY, Simulated, Simulation, Text, deploy
from glossator.workflows.reporter import LineReporter, Reporter
from glossator.workflows.run_records import RunStore

NAME = "banking"
NEW_CLASSES = 8
TRAINING_ROWS = 4_500
DAYS, FIRST_NEW_DAY = 11, 4
TEXTS_A_DAY, NEW_A_DAY = 420, 105
SEED = 77
SETTINGS = {
    "model": NAME,
    "log": "log",
    "registry": "registry",
    "output": "retrainings",
    "runs": "runs",
    "tasks": "tasks",
    "answers": "answers",
    "period_hours": 24,
    "labels": 200,
    "min_accuracy": 85,
    "fewest": 100_000,
    "fewest_after_alarm": 50,
    "disagreements": 150,
    "new_labels": True,
    "max_latency_ratio": 5,
    "max_memory_ratio": 5,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, help="Where the deployment is kept; default: a temporary folder.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    folder = options.work or Path(tempfile.mkdtemp(prefix="loop-story-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        corpus = [Text(row["text"], row["category"]) for row in read_banking(options.data)]
        result, found = play(corpus, folder)
        write(options.out, result, found)
    finally:
        if options.work is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(result))


def read_banking(data: Path) -> list[dict[str, str]]:
    """Return all rows of banking77 with distinct texts."""
    rows = [*rows_of(data / "banking77/train.csv"), *rows_of(data / "banking77/test.csv")]
    return list({row["text"]: row for row in rows}.values())


def split(corpus: Sequence[Text]) -> tuple[list[Text], list[list[Text]], list[str]]:
    """Return rows to train on, the texts of each day, and the classes that appear later."""
    mixing = random.Random(SEED)
    classes = sorted({each.label for each in corpus})
    new_classes = sorted(mixing.sample(classes, NEW_CLASSES))
    shuffled = list(corpus)
    mixing.shuffle(shuffled)
    usual = iter([each for each in shuffled if each.label not in new_classes])
    new = iter([each for each in shuffled if each.label in new_classes])
    training = [next(usual) for _ in range(TRAINING_ROWS)]
    days = []
    for day in range(1, DAYS + 1):
        later = NEW_A_DAY if day >= FIRST_NEW_DAY else 0
        texts = [next(usual) for _ in range(TEXTS_A_DAY - later)] + [next(new) for _ in range(later)]
        mixing.shuffle(texts)
        days.append(texts)
    return training, days, new_classes


def play(corpus: Sequence[Text], folder: Path) -> tuple[dict[str, Any], Simulated]:
    """Deploy a first version in a folder, and play all days."""
    started = time.process_time()
    training, days, new_classes = split(corpus)
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "category"), *training])
    deploy(
        NAME,
        folder,
        DataSources(source=str(folder / "train.csv")),
        ReadingOptions(text_column="text", label_column="category"),
        {"algorithm": "tfidf", "options": {"pairs": "no", "strength": 1.0}},
        RunStore(folder / "runs"),
        Reporter(),
    )
    settings = parse_settings(dict(SETTINGS), folder)
    settings.log.mkdir(exist_ok=True)
    database = open_review_database(settings.log)
    simulation = Simulation(
        settings,
        database,
        begin=time.time() - DAYS * DAY,
        gold={each.text: each.label for day in days for each in day},
        known=sorted({each.label for each in training}),
        reporter=LineReporter(print),
    )
    found = simulation.play(days)
    database.close()
    seconds = round(time.process_time() - started, 1)
    return describe(found, len(training), new_classes) | {"cpu_seconds": seconds}, found


def describe(found: Simulated, training_rows: int, new_classes: Sequence[str]) -> dict[str, Any]:
    """Return the figures of the story."""
    new, drift, accuracy = (found.first(kind) for kind in ("new texts", "drift", "accuracy"))
    retrained, promoted = found.first("retrained"), found.first("promoted")
    last = promoted.day if promoted is not None else float("inf")
    parts = {
        "before": [day for day in found.days if not day.new_texts],
        "fallen": [day for day in found.days if day.new_texts and day.day <= last],
        "after": [day for day in found.days if day.day > last],
    }
    shares = {
        name: sum(day.accuracy * day.texts for day in days) / sum(day.texts for day in days) if days else None
        for name, days in parts.items()
    }
    until_promotion = [day for day in found.days if day.new_texts and day.day <= last]
    return {
        "corpus": "banking77",
        "training_rows": training_rows,
        "new_classes": list(new_classes),
        "texts_a_day": TEXTS_A_DAY,
        "accuracy": shares,
        "texts_to_drift_alarm": None if drift is None or new is None else drift.texts - new.texts,
        "texts_to_accuracy_alarm": None if accuracy is None or new is None else accuracy.texts - new.texts,
        "retrained_day": None if retrained is None else retrained.day,
        "promoted_day": None if promoted is None else promoted.day,
        "labels_from_change_to_promotion": sum(day.reviewed + day.compared for day in until_promotion),
        "labels": sum(day.reviewed + day.compared for day in found.days),
        "days_inside": sum(day.value is not None and day.low <= day.accuracy <= day.high for day in found.days),
        **found.to_dict(),
    }


def table(result: dict[str, Any]) -> str:
    """Return the days as a Markdown table."""
    rows = [
        [
            str(day["day"]),
            day["version"][:8],
            f"{100 * day['accuracy']:.1f}",
            "-" if day["value"] is None else f"{100 * day['value']:.1f}",
            f"{100 * day['low']:.1f} to {100 * day['high']:.1f}",
            str(day["reviewed"]),
            str(day["compared"]),
        ]
        for day in result["days"]
    ]
    header = ["day", "version", "true accuracy", "estimate", "interval", "reviewed", "compared"]
    return markdown_table(header, rows, right=[0, 2, 3, 5, 6])


def write(out: Path, result: dict[str, Any], found: Simulated) -> None:
    """Write the result as JSON, as a table and as a figure."""
    out.mkdir(parents=True, exist_ok=True)
    write_result("loop_story", result, folder=out)
    title = f"{len(result['new_classes'])} new classes from day {FIRST_NEW_DAY} on"
    picture = write_report("loop_story", draw(found, title), folder=out, suffix=".svg")
    events = "".join(f"- day {each['day']:.2f}, text {each['texts']:,}: {each['kind']}\n" for each in result["events"])
    text = f"# The closed loop on banking77\n\n{table(result)}\n\n{events}\n![]({picture.name})\n"
    write_report("loop_story", text, folder=out)


if __name__ == "__main__":
    main()
