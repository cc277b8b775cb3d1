"""Evidently's drift of texts and of columns, batch by batch. Run by `benchmarks.loop.drift` in its own environment.

    PYTHON evidently_drift.py INPUT.json OUTPUT.json

INPUT.json: `reference`, an object of columns: numbers, `label` and `text`; `streams`, objects of such columns under
their names; `batch`, the number of texts in a batch. Writes for each stream and batch the drift score of each column:
by the default method for numbers and labels, and for texts the AUC of a classifier that tells the batch from the
reference. `seconds`: CPU seconds for each text.
"""

import json
import sys
import time
import warnings

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
found, read, began = {}, 0, time.process_time()
for name, columns in given["streams"].items():
    stream, found[name] = pd.DataFrame(columns), []
    for start in range(0, len(stream) - given["batch"] + 1, given["batch"]):
        rows = stream.iloc[start : start + given["batch"]].reset_index(drop=True)
        batch = Dataset.from_pandas(rows, data_definition=definition)
        report = Report([DataDriftPreset(text_method="abs_text_content_drift")]).run(batch, known)
        scores = {}
        for metric in report.dict()["metrics"]:
            if metric.get("config", {}).get("column"):
                scores[metric["config"]["column"]] = float(metric["value"])
        found[name].append(scores)
        read += len(rows)
result = {"streams": found, "seconds": (time.process_time() - began) / read, "version": evidently.__version__}
with open(sys.argv[2], "w") as file:
    json.dump(result, file)
