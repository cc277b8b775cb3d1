"""Reads a fitted text pipeline of scikit-learn, and opens it as a model like those of other libraries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glossator.export.importing.imported_checkpoint import ForeignModel
from glossator.export.importing.sklearn_text.linear_form import LinearForm, read_classifier
from glossator.export.importing.sklearn_text.ngram_model import build_model, number_ngrams, write_tokenizer
from glossator.export.importing.sklearn_text.vectorizer import (
    Vectorizer,
    is_of_sklearn,
    read_vectorizer,
    with_tfidf,
)
from glossator.export.model_origin import IMPORTED
from glossator.modeling.checkpoint_reader import open_pipeline
from glossator.modeling.checkpoint_writer import now, package_versions
from glossator.service.bundle.task import Calibration, Encoding, Provenance, TextClassification
from glossator.service.errors import ConfigError

_WINDOWS = {"word": 16_384, "char": 65_536, "char_wb": 65_536}
"""Tokens of the longest window: longer than nearly all texts, because vectors of windows do not add up to that of a
text."""
_MOST_NUMBERS = 2**25
"""N-grams of a window times labels: the graph multiplies them at once."""
_SHORTEST_WINDOW, _LONGEST_WINDOW = 512, 65_536
MARGIN_SCALE = 8.0
"""Brings decision scores, where 1 is a confident answer, into the range of logits in which the temperature is fitted.
As in the algorithm `tfidf`."""


@dataclass(frozen=True, slots=True)
class TextPipeline:
    """What a pipeline computes. `form.weights` has a column per feature of the vectorizer; `labels` names classes."""

    vectorizer: Vectorizer
    form: LinearForm
    labels: list[str]
    steps: list[str]


def read_pipeline(pipeline: Any, *, label_names: Sequence[str] | None = None) -> TextPipeline:
    """Return what a fitted `Pipeline` of a vectorizer, perhaps a transformer or a selection, and a classifier computes.

    `label_names` replace the classes, in their order. Raises ConfigError for everything else, with the reason.
    """
    if not is_of_sklearn(pipeline, "Pipeline"):
        raise ConfigError(
            "this is no pipeline of scikit-learn",
            found=type(pipeline).__name__,
            expected="a fitted Pipeline of a TfidfVectorizer and a linear classifier",
            hint="Pass its best_estimator_." if hasattr(pipeline, "best_estimator_") else "make_pipeline makes one.",
        )
    steps = [step for _, step in pipeline.steps if step is not None and step != "passthrough"]
    if len(steps) < 2:
        raise ConfigError("the pipeline has too few steps", found=len(steps), expected="a vectorizer and a classifier")
    vectorizer, form = read_vectorizer(steps[0]), read_classifier(steps[-1])
    weighted = type(steps[0]).__name__ == "TfidfVectorizer"
    columns = np.arange(len(vectorizer.features))
    for step in steps[1:-1]:
        if is_of_sklearn(step, "TfidfTransformer") and not weighted:
            vectorizer, weighted = with_tfidf(vectorizer, step, columns.tolist()), True
        elif type(step).__module__.startswith("sklearn.feature_selection."):
            columns = columns[step.get_support(indices=True)]
        else:
            raise ConfigError(
                "this step of the pipeline cannot be imported",
                found=type(step).__name__,
                expected="one TfidfTransformer after a CountVectorizer, and selections of features",
                hint="Fit the pipeline without it.",
            )
    if form.weights.shape[1] != len(columns):
        raise ConfigError(
            "vectorizer and classifier do not belong together",
            found=f"{len(columns):,} features, but weights for {form.weights.shape[1]:,}",
            hint="Fit the pipeline as a whole.",
        )
    weights = np.zeros((len(form.weights), len(vectorizer.features)))
    weights[:, columns] = form.weights
    labels = form.classes if label_names is None else list(map(str, label_names))
    if len(labels) != len(form.classes) or len(set(labels)) != len(labels):
        raise ConfigError(
            "the names of the labels do not fit the classifier",
            found=", ".join(labels),
            expected=f"{len(form.classes)} different names, for {', '.join(form.classes)}",
        )
    names = [type(step).__name__ for step in steps]
    return TextPipeline(vectorizer, replace(form, weights=weights), labels, names)


def label_sets(labels: Sequence[Any], found: TextPipeline) -> list[tuple[str, ...]]:
    """Return the names of the labels of each text.

    `labels`: what the pipeline was fitted on: classes, or rows of an indicator matrix; or sets of names.
    """
    if not found.form.multi_label:
        names = dict(zip(found.form.classes, found.labels, strict=True))
        return [(names.get(str(each), str(each)),) for each in labels]
    if getattr(labels, "ndim", 1) == 2:
        return [tuple(name for name, one in zip(found.labels, row, strict=True) if one) for row in labels]
    return [tuple(map(str, row)) for row in labels]


def open_text_pipeline(
    found: TextPipeline, folder: Path, *, labelled: bool, max_length: int | None = None
) -> ForeignModel:
    """Return the model of a pipeline.

    Args:
        found: What the pipeline computes.
        folder: A new folder for its tokenizer, which must exist as long as the model is used.
        labelled: Rows with labels will calibrate it, so decision scores are brought into the range of logits.
        max_length: Tokens of the longest window; None takes one that is longer than nearly all texts.
    """
    vectorizer, form = found.vectorizer, found.form
    if max_length is not None and not 8 <= max_length <= _LONGEST_WINDOW:
        raise ConfigError("max_length does not fit", found=max_length, expected=f"from 8 to {_LONGEST_WINDOW:,} tokens")
    if max_length is None:
        wide = _MOST_NUMBERS // (vectorizer.sizes[1] * len(form.classes))
        max_length = max(_SHORTEST_WINDOW, min(_WINDOWS[vectorizer.analyzer], wide))
    nodes = number_ngrams(vectorizer)
    model = build_model(vectorizer, form, nodes, scale=MARGIN_SCALE if labelled and not form.probabilities else 1.0)
    task = _task(found, max_length)
    model.config.problem_type = task.problem_type
    model.config.id2label = dict(enumerate(task.labels))
    model.config.label2id = {label: row for row, label in enumerate(task.labels)}
    write_tokenizer(vectorizer, nodes, folder, max_length=max_length)
    unit = "words" if vectorizer.analyzer == "word" else "characters"
    evidence = [
        f"{' + '.join(found.steps)}: {vectorizer.summary}",
        f"labels {', '.join(found.labels)}: {'any number of them' if form.multi_label else 'one'} per text",
        "scores are its probabilities" if form.probabilities else _no_probabilities(labelled),
        f"texts of more than {max_length:,} {unit} are read in windows; scikit-learn reads them as a whole",
    ]
    return ForeignModel(model, task, folder, open_pipeline(model, folder, task), evidence)


def _no_probabilities(labelled: bool) -> str:
    if labelled:
        return "it has decision scores, not probabilities: the labelled rows calibrate them"
    return "scores are made of its decision scores and are no probabilities: labelled rows would calibrate them"


def _task(found: TextPipeline, max_length: int) -> TextClassification:
    form, packages = found.form, package_versions()
    calibration = Calibration()
    if form.multi_label and not form.bias.all():  # a score of exactly 0 assigns no label in scikit-learn
        calibration = Calibration(thresholds=[float(np.nextafter(0.5, 1.0))] * len(form.classes))
    digest = hashlib.sha256("\n".join(found.vectorizer.features).encode("utf-8", "surrogatepass"))
    for values in (found.vectorizer.idf, form.weights, form.bias):
        digest.update(np.ascontiguousarray(values).tobytes())
    return TextClassification(
        labels=found.labels,
        problem_type="multi_label_classification" if form.multi_label else "single_label_classification",
        calibration=calibration,
        encoding=Encoding(max_length=max_length, stride=0, pad_token_id=0),
        provenance=Provenance(
            corpus_fingerprint="",
            corpus_rows=0,
            base_model=f"scikit-learn {' + '.join(found.steps)}",
            base_revision=digest.hexdigest(),
            algorithm=IMPORTED,
            config={"architecture": "NgramLinearModel"},
            seed=0,
            code_version=packages["glossator"],
            packages=packages,
            created=now(),
        ),
    )
