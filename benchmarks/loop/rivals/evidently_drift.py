"""Evidently's drift of texts and of columns, batch by batch. Run by `benchmarks.loop.drift` in its own environment.

    PYTHON evidently_drift.py INPUT.json OUTPUT.json

INPUT.json: `reference`, an object of columns: numbers, `label` and `text`; `streams`, objects of such columns under
their names, `unshifted` first; `batch`, the number of texts in a batch. A batch has a drift score for each column: by
the default method for numbers and labels, and for texts the AUC of a classifier that tells the batch from the
reference. The threshold of a column is its highest score in `unshifted`. Writes for each other stream the number of
texts until a score of a batch exceeds its threshold, null if none does, and the CPU `seconds` for each text.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import evidently
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

warnings.simplefilter("ignore")
with open(sys.argv[1]) as file:
    given = json.load(file)
reference = pd.DataFrame(given["reference"])
numbers = [name for name in reference if name not in ("text", "label")]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=["label"], text_columns=["text"])
known = Dataset.from_pandas(reference, data_definition=definition)


def scores_of(columns: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Yield the scores of each batch of a stream, by column."""
    stream = pd.DataFrame(columns)
    for start in range(0, len(stream) - given["batch"] + 1, given["batch"]):
        rows = stream.iloc[start : start + given["batch"]].reset_index(drop=True)
        batch = Dataset.from_pandas(rows, data_definition=definition)
        report = Report([DataDriftPreset(text_method="abs_text_content_drift")]).run(batch, known)
        metrics = [each for each in report.dict()["metrics"] if each.get("config", {}).get("column")]
        yield {each["config"]["column"]: float(each["value"]) for each in metrics}


began = time.process_time()
unshifted = list(scores_of(given["streams"].pop("unshifted")))
seconds = (time.process_time() - began) / (len(unshifted) * given["batch"])
limits = {name: max(scores[name] for scores in unshifted) for name in unshifted[0]}
found = {}
for name, columns in given["streams"].items():
    alarms = (place for place, each in enumerate(scores_of(columns)) if any(each[it] > limits[it] for it in limits))
    found[name] = next(((place + 1) * given["batch"] for place in alarms), None)
with open(sys.argv[2], "w") as file:
    json.dump({"found": found, "seconds": seconds, "version": evidently.__version__}, file)
