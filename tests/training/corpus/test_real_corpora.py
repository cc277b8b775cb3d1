"""Public corpora as published, read from the folder next to the repository; figures are counted here in other ways."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.findings.leakage import check_leakage
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.splitting.split import split


def need(file: Path) -> Path:
    if not file.is_file():
        pytest.skip(f"the public corpus {file.parent.name}/{file.name} is not next to the repository")
    return file


def csv_rows(file: Path) -> list[SourceRow]:
    with need(file).open(encoding="utf-8", newline="") as lines:
        return [SourceRow(number, fields) for number, fields in enumerate(csv.DictReader(lines), start=2)]


def json_rows(file: Path) -> list[SourceRow]:
    with gzip.open(need(file), "rt", encoding="utf-8") as lines:
        return [SourceRow(number, json.loads(line)) for number, line in enumerate(lines, start=1)]


def counted(corpus: Corpus) -> dict[str, int]:
    return {finding.name: finding.count for finding in corpus.findings}


def test_banking77(data_folder: Path) -> None:
    corpus = read_corpus(csv_rows(data_folder / "banking77/train.csv"), source_name="banking77")
    assert (corpus.columns.text, corpus.columns.label) == ("text", "category")
    assert (corpus.rows_in, len(corpus), len(corpus.label_names)) == (10_003, 10_003, 77)
    assert "Refund_not_showing_up" in corpus.label_names  # the only spelling of this label, so it is not changed
    odd_space = sum(
        text.removesuffix("\n") != text.strip() or "  " in text or "\t" in text or "\xa0" in text
        for text in corpus.texts
    )
    assert counted(corpus) == {"near-duplicates": 504, "white-space": odd_space}
    sides = split(corpus, validation_share=0.1, seed=42)
    assert len(sides.validation) == 1_000
    counts, held = corpus.label_counts(), corpus.subset(sides.validation).label_counts()
    assert all(abs(held[name] - 0.1 * count) <= 1 for name, count in counts.items())
    test = read_corpus(
        csv_rows(data_folder / "banking77/test.csv"), source_name="banking77", known_labels=corpus.label_names
    )
    assert set(test.label_counts().values()) == {40}
    assert check_leakage(corpus.texts, test.texts).count == 7


def test_sms_spam(data_folder: Path) -> None:
    lines = need(data_folder / "sms-spam/SMSSpamCollection.tsv").read_bytes().decode("utf-8").split("\r\n")[:-1]
    rows = [
        SourceRow(number, dict(zip(("column_1", "column_2"), line.split("\t"), strict=True)))
        for number, line in enumerate(lines, start=1)
    ]
    corpus = read_corpus(rows, source_name="sms")
    assert (corpus.columns.text, corpus.columns.label) == ("column_2", "column_1")
    assert (corpus.rows_in, len(corpus), len(corpus.dropped)) == (5_574, len(set(lines)), 403)
    assert counted(corpus)["exact-duplicates"] == 403
    assert "conflicting-labels" not in counted(corpus)
    assert corpus.fingerprint() == read_corpus(reversed(rows), source_name="sms").fingerprint()


def test_goemotions(data_folder: Path) -> None:
    rows = json_rows(data_folder / "goemotions/train.jsonl.gz")
    corpus = read_corpus(rows, source_name="goemotions")
    assert (corpus.problem_type, corpus.columns.text, corpus.columns.label) == (
        "multi_label_classification",
        "text",
        "labels",
    )
    labels = (data_folder / "goemotions/labels.txt").read_text(encoding="utf-8").split()
    assert corpus.label_names == sorted(labels)
    distinct = {(row.fields["text"], tuple(sorted(row.fields["labels"]))) for row in rows}  # type: ignore[call-overload]
    assert (corpus.rows_in, len(corpus), len(corpus.dropped)) == (43_410, len(distinct), 113)
    assert corpus.label_counts() == Counter(name for _, names in distinct for name in names)
    sides = split(corpus, validation_share=0.1, seed=1)
    held = corpus.subset(sides.validation).label_counts()
    assert all(abs(held[name] / count - 0.1) < 0.005 for name, count in corpus.label_counts().items() if count > 200)


def test_cfpb_complaints(data_folder: Path) -> None:
    rows = csv_rows(data_folder / "cfpb-complaints/complaints_sample.csv")
    corpus = read_corpus(rows, source_name="cfpb", label_column="Product", drop_rare=True)
    assert corpus.columns.text == "Consumer complaint narrative"
    filled = [row for row in rows if str(row.fields["Consumer complaint narrative"]).strip()]
    assert len(filled) == 272
    assert Counter(reject.reason for reject in corpus.rejects) == {"empty-text": 728}
    assert len(corpus) + len(corpus.dropped) == 272
