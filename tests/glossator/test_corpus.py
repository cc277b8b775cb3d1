"""Corpora from Python: the same rows from every kind of source; bad items are named, and the others are read."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas
import pyarrow
import pytest

import glossator
from tests.conftest import topic_rows

ROOT = Path(__file__).resolve().parents[2]
ROWS = topic_rows()


def _path(folder: Path) -> Path:
    path = folder / "topics.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *ROWS])
    return path


def _classes(_: Path) -> datasets.Dataset:
    names = sorted({label for _, label in ROWS})
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    return datasets.Dataset.from_dict(
        {"text": [text for text, _ in ROWS], "label": [names.index(label) for _, label in ROWS]}, features=features
    )


def _polars() -> Any:
    return pytest.importorskip("polars")


_FRAME = pandas.DataFrame(ROWS, columns=["text", "label"])
SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": _path,
    "text of a path": lambda folder: str(_path(folder)),
    "pandas": lambda _: _FRAME,
    "pandas with categories": lambda _: _FRAME.astype({"label": "category"}).set_index(_FRAME.index[::-1] * 7),
    "polars": lambda _: _polars().from_dicts(_FRAME.to_dict("records")),
    "polars, lazy": lambda _: _polars().from_dicts(_FRAME.to_dict("records")).lazy(),
    "arrow": lambda _: pyarrow.Table.from_pylist(_FRAME.to_dict("records")),
    "datasets": _classes,
    "splits of datasets": lambda folder: datasets.DatasetDict({"train": _classes(folder), "test": _classes(folder)}),
    "pairs": lambda _: ROWS,
    "dictionaries": lambda _: [{"text": text, "label": np.str_(label)} for text, label in ROWS],
    "iterator": lambda _: iter(ROWS),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_corpus(kind: str, tmp_path: Path) -> None:
    corpus = glossator.read_corpus(SOURCES[kind](tmp_path))
    assert len(corpus) == len(ROWS)
    assert corpus.label_names == sorted({label for _, label in ROWS})
    assert corpus.reading.corpus.fingerprint() == glossator.read_corpus(ROWS).reading.corpus.fingerprint()
    assert (corpus.rejects, corpus.task) == ([], "text-classification")


def test_missing_values_and_bad_items_are_rejected_with_their_numbers() -> None:
    frame = _FRAME.astype({"text": object, "label": "string"})
    frame.loc[[1, 2], "text"], frame.loc[3, "label"] = [float("nan"), 7.5], pandas.NA
    corpus = glossator.read_corpus(frame)
    assert [(each.line, each.reason) for each in corpus.rejects] == [
        (2, "missing-text"),
        (3, "text-not-a-string"),
        (4, "missing-label"),
    ]
    assert len(corpus) == len(ROWS) - 3
    items = [*ROWS, None, ("alone",), float("nan"), {"text": None, "label": "login"}, object()]
    found = glossator.read_corpus(iter(items))
    assert [each.line - len(ROWS) for each in found.rejects] == [1, 2, 3, 4, 5]
    assert found.rejects[1].message.startswith("the item is neither a pair nor a dictionary")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (7, "labelled rows cannot be read from this"),
        ({"text": ["a"], "label": ["b"]}, "labelled rows cannot be read from this"),
        (_FRAME["text"], "labelled rows cannot be read from this"),
        (pandas.DataFrame([["a", "b"]], columns=["text", "text"]), "several columns have the same name"),
        ([None, None], "cannot be used as a corpus"),
        ("no-such-file.csv", "there is no file"),
    ],
)
def test_what_holds_no_labelled_rows_is_an_error_of_ours(source: object, message: str) -> None:
    with pytest.raises(glossator.GlossatorError, match=message):
        glossator.read_corpus(source)


def test_options_of_files_are_refused_for_rows_in_memory() -> None:
    with pytest.raises(glossator.GlossatorError, match="rows in memory takes no `delimiter`"):
        glossator.read_corpus(ROWS, delimiter=";")
    with pytest.raises(glossator.GlossatorError, match="has no splits"):
        glossator.read_corpus(ROWS, split="test")


def test_a_corpus_is_split_shown_and_converted() -> None:
    rows = [{"text": text, "label": label, "customer": str(place % 40)} for place, (text, label) in enumerate(ROWS)]
    corpus = glossator.read_corpus(
        [*rows, {"text": "", "label": "login", "customer": "<b>"}], keep_columns=["customer"]
    )
    assert repr(corpus) == (
        f"Corpus(list with {len(ROWS) + 1} rows: {len(ROWS)} rows, text classification, one of 3 labels, 1 rejected, "
        f"0 dropped, {len(corpus.findings)} findings)"
    )
    assert next(iter(corpus)) == rows[0]
    frame = corpus.to_pandas()
    assert (list(frame.columns), frame.index.name, len(frame)) == (["text", "label", "customer"], "line", len(ROWS))
    sides = corpus.split(test_share=0.2, group_column="customer")
    customers = [set(side.to_pandas()["customer"]) for side in sides]
    assert sum(map(len, customers)) == 40
    assert sum(map(len, sides)) == len(ROWS)
    assert sides.train.label_names == corpus.label_names
    with pytest.raises(glossator.GlossatorError, match="read without a column that its split needs"):
        corpus.split(time_column="when")
    assert corpus.to_dict()["source"] == f"list with {len(ROWS) + 1} rows"
    assert str(corpus).startswith("# Corpus report: `list")
    assert corpus._repr_html_().startswith('<div class="glossator"')


def test_text_of_a_corpus_is_escaped_in_a_notebook() -> None:
    corpus = glossator.read_corpus(
        [*ROWS, *((f"<script>alert({n})</script>", "<img src=x onerror=alert(1)>") for n in "12")]
    )
    page = corpus._repr_html_()
    assert "<script" not in page
    assert "<img" not in page


def test_without_the_extra_the_error_names_the_install_command() -> None:
    absent = ("sklearn", "scipy", "ftfy", "matplotlib", "pandas", "torch", "transformers", "datasets", "spacy")
    program = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
import glossator
calls = [
    lambda: glossator.read_corpus([("a", "b")]),
    lambda: glossator.train([("a", "b")]),
    lambda: glossator.evaluate("bundle", [("a", "b")]),
    lambda: glossator.compare("bundle", "other", [("a", "b")]),
    lambda: glossator.select([("a", "b")]),
]
for call in calls:
    try:
        call()
    except glossator.GlossatorError as error:
        print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    extras = ["evaluation", "training", "evaluation", "evaluation", "training"]
    assert done.stdout.splitlines() == [f"pip install 'glossator[{extra}]'" for extra in extras]
