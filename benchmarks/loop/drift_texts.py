"""Texts of public corpora, unshifted and shifted in six ways, with the answers of a model to them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.public_corpora import rows_of

CORPORA = {
    "banking77": ("category", ("banking77/train.csv", "banking77/test.csv"), "snips/test.jsonl", "frozen"),
    "snips": ("label", ("snips/train.jsonl.gz", "snips/test.jsonl"), "banking77/test.csv", "tfidf"),
}
"""Name to the column of labels, the files, a file with texts of another topic, and the algorithm of the model."""
TRAINED = 6_000
"""Rows that the model is trained on; the others are the reference and the stream."""
HELD_OUT = 4_000
SHIFTED = 600
SHIFTS = {"new topic": 0.3, "label mix": 1.0, "typos": 1.0, "other language": 0.3, "longer texts": 0.5, "gradual": 0.5}
"""The shifts, and the share of shifted texts. `gradual`: a new topic whose share grows to this."""
GRADUAL_TEXTS = 10_000
_TYPO_SHARE = 0.08
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Answers:
    """Answers to texts, row by row."""

    texts: list[str]
    labels: list[str]
    summaries: dict[str, NDArray[np.float64]]
    """Each `(texts,)`."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        summaries = {name: values.tolist() for name, values in self.summaries.items()}
        return {"texts": self.texts, "labels": self.labels, "summaries": summaries}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Answers:
        """Return what `to_dict` gave."""
        summaries = {name: np.array(values) for name, values in fields["summaries"].items()}
        return cls(fields["texts"], fields["labels"], summaries)

    def numbers(self) -> list[dict[str, float]]:
        """Return the summaries text by text."""
        names = list(self.summaries)
        columns = zip(*(self.summaries[name].tolist() for name in names), strict=True)
        return [dict(zip(names, row, strict=True)) for row in columns]


def held_out_and_shifted(data: Path, corpus: str, work: Path) -> tuple[Answers, dict[str, Answers]]:
    """Return the answers to texts that the model was not trained on, and to SHIFTED texts of each shift.

    They are kept in `work`.
    """
    kept_answers = work / corpus / "answers.json"
    if kept_answers.is_file():
        found = {name: Answers.from_dict(each) for name, each in json.loads(kept_answers.read_text()).items()}
        return found.pop(""), found
    column, files, other, algorithm = CORPORA[corpus]
    rows = [row for file in files for row in rows_of(data / file)]
    random = np.random.default_rng(7)
    rows = [rows[place] for place in random.permutation(len(rows))]
    bundle = _bundle(rows[:TRAINED], column, algorithm, work / corpus)
    held_out = rows[TRAINED : TRAINED + HELD_OUT]
    texts = [row["text"] for row in held_out]
    labels = sorted({row[column] for row in held_out})
    kept = set(random.choice(labels, size=(len(labels) + 1) // 2, replace=False))
    chosen = [texts[place] for place in random.integers(len(texts), size=SHIFTED)]
    topic = [row["text"] for row in rows_of(data / other)]
    shifted = {
        "new topic": [topic[place] for place in random.integers(len(topic), size=SHIFTED)],
        "label mix": [row["text"] for row in held_out if row[column] in kept][:SHIFTED],
        "typos": [with_typos(text, random) for text in chosen],
        "other language": german_questions(data)[:SHIFTED],
        "longer texts": [f"{text} {texts[random.integers(len(texts))]}" for text in chosen],
    }
    answers = {name: answer(bundle, found) for name, found in shifted.items()}
    answers["gradual"] = answers["new topic"]
    unshifted = answer(bundle, texts)
    kept_answers.write_text(json.dumps({name: each.to_dict() for name, each in {"": unshifted, **answers}.items()}))
    return unshifted, answers


def answer(bundle: Path, texts: list[str]) -> Answers:
    """Answer texts with a bundle."""
    from glossator.service.bundle import file_names
    from glossator.service.bundle.reference import parse_reference
    from glossator.service.inference.model import load
    from glossator.service.inference.pipeline import Answer
    from glossator.service.monitoring.drift.summaries import predicted_labels, summaries_of

    model = load(bundle)
    profile = parse_reference(model.bundle.read(file_names.REFERENCE)).profile
    answers = model.predict(texts)
    right = [each for each in answers if isinstance(each, Answer)]
    kept = [text for text, each in zip(texts, answers, strict=True) if isinstance(each, Answer)]
    found = [summaries_of(each, text, model.task, profile) for each, text in zip(right, kept, strict=True)]
    return Answers(
        kept,
        [predicted_labels(each, model.task)[0] for each in right],
        {name: np.array([each[name] for each in found]) for name in found[0]},
    )


def with_typos(text: str, random: np.random.Generator) -> str:
    """Replace, leave out, double or swap some of the letters."""
    letters = list(text)
    for place in np.flatnonzero(random.random(len(letters)) < _TYPO_SHARE):
        kind = random.integers(4)
        if kind == 0:
            letters[place] = _LETTERS[random.integers(26)]
        elif kind == 1:
            letters[place] = ""
        elif kind == 2:
            letters[place] *= 2
        elif place + 1 < len(letters):
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def german_questions(data: Path) -> list[str]:
    """Return the German questions of XQuAD."""
    (file,) = sorted((data / "xquad").glob("*de*"))
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    return [asked["question"] for article in articles for part in article["paragraphs"] for asked in part["qas"]]


def _bundle(rows: list[dict[str, str]], column: str, algorithm: str, work: Path) -> Path:
    """Train and export a model, once."""
    bundle = work / "bundle"
    if not bundle.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        source = work / "train.jsonl"
        source.write_text("".join(json.dumps({"text": row["text"], "label": row[column]}) + "\n" for row in rows))
        command = [str(Path(sys.executable).with_name("glossator")), "train", str(source), "--algorithm", algorithm]
        subprocess.run([*command, "-o", str(work / "checkpoint"), "--export", str(bundle)], check=True)
    return bundle
