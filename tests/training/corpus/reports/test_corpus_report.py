from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from glossator.training.corpus.corpus import Corpus, UnusableCorpus
from glossator.training.corpus.reports.corpus_report import report_lines, to_dict

ReadPairs = Callable[..., Corpus]

PAIRS: list[tuple[object, object]] = [
    ("aa", "card"), ("bbbb", "card"), ("cc", "fee"), ("dddddd", "fee"), ("e", "Fee"),
    ("aa", "card"), ("", "card"), (" ", "fee"), ("f", None),
]  # fmt: skip


def test_to_dict_is_json_and_its_row_counts_add_up(read_pairs: ReadPairs) -> None:
    corpus = read_pairs(PAIRS)
    report = to_dict(corpus, described="CSV, UTF-8, comma")
    assert json.loads(json.dumps(report, allow_nan=False))["described"] == "CSV, UTF-8, comma"
    assert report["rows"] == {"in": 9, "kept": 5, "rejected": 3, "dropped": 1}
    assert report["rejected"] == {
        "empty-text": {"count": 2, "examples": ["line 8: the text is empty", "line 9: the text is empty"]},
        "missing-label": {"count": 1, "examples": ["line 10: the label is empty"]},
    }
    assert report["dropped"]["exact-duplicate"]["count"] == 1
    assert report["labels"] == {"card": 2, "fee": 3}
    assert report["imbalance_ratio"] == 1.5
    assert report["labels_per_row"] == 1.0
    assert report["columns"]["text"] == {"name": "text", "why": "as given"}
    assert report["fingerprint"] == corpus.fingerprint()
    assert [finding["name"] for finding in report["findings"]] == ["label-name-variants", "exact-duplicates"]


def test_to_dict_quantiles_are_lengths_that_occur(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("x" * length, "ab"[length % 2]) for length in range(1, 101)])
    assert to_dict(corpus)["text_characters"] == {
        "0%": 1, "5%": 5, "25%": 25, "50%": 50, "75%": 75, "95%": 95, "100%": 100,
    }  # fmt: skip


def test_report_lines_have_row_counts_columns_and_findings(read_pairs: ReadPairs) -> None:
    lines = report_lines(read_pairs(PAIRS), described="CSV, UTF-8, comma")
    assert lines[0] == "# Corpus report: `pairs.csv`"
    assert "- Source: CSV, UTF-8, comma" in lines
    assert "- Text: column `text` (as given)" in lines
    assert "- Rows: 9 in = 5 kept + 3 rejected + 1 dropped" in lines
    assert "| `fee` | 3 | 60.0% |" in lines
    assert "- empty-text: 2" in lines
    assert any(line.startswith("- label-name-variants: 1 (") for line in lines)
    assert all("\n" not in line for line in lines)


def test_report_lines_of_an_unusable_corpus_list_its_faults(read_pairs: ReadPairs) -> None:
    with pytest.raises(UnusableCorpus) as caught:
        read_pairs([("a", "x"), ("b", "x"), ("c", "y")])
    lines = report_lines(caught.value.corpus, faults=caught.value.faults)
    (fault,) = [line for line in lines if line.startswith("- class-with-one-row: ")]
    assert "'y' (line 4)" in fault


def test_report_lines_of_an_empty_corpus(read_pairs: ReadPairs) -> None:
    with pytest.raises(UnusableCorpus) as caught:
        read_pairs([])
    lines = report_lines(caught.value.corpus, faults=caught.value.faults)
    assert "- Rows: 0 in = 0 kept + 0 rejected + 0 dropped" in lines
    assert lines[-1] == "No findings."


def test_labels_and_texts_cannot_change_the_formatting_of_the_report(read_pairs: ReadPairs) -> None:
    lines = report_lines(read_pairs([("a", "x|y"), ("b", "x|y"), ("c", "``` `<b>`"), ("d", "``` `<b>`")]))
    assert "| `x\\|y` | 2 | 50.0% |" in lines
    assert "| ```` ``` `<b>` ```` | 2 | 50.0% |" in lines
