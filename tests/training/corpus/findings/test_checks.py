from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.checks import check_corpus
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus

ReadPairs = Callable[..., Corpus]


def found(corpus: Corpus, name: str) -> Finding | None:
    return next((finding for finding in check_corpus(corpus) if finding.name == name), None)


def of_texts(read_pairs: ReadPairs, texts: Sequence[str]) -> Corpus:
    return read_pairs([(text, "x") for text in texts], known_labels=["x", "y"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("un cafÃ© noir", "encoding-damage"),
        ("itâ€™s broken", "encoding-damage"),
        ("lost \ufffd here", "encoding-damage"),
        ("a <br/> b", "html-remains"),
        ("</p>", "html-remains"),
        ("Tom &amp; Ann", "html-remains"),
        ("&#8217;", "html-remains"),
        ("<!-- x", "html-remains"),
        ("a\x00b", "control-characters"),
        ("a\x1bb", "control-characters"),
        ("a\x93b\x94", "encoding-damage"),
    ],
)
def test_check_texts_counts_damaged_texts(read_pairs: ReadPairs, text: str, name: str) -> None:
    corpus = of_texts(read_pairs, ["plain", text, "plain too", "and so on"])
    finding = found(corpus, name)
    assert finding is not None
    assert (finding.count, finding.share) == (1, 0.25)
    assert finding.examples[0].startswith("line 3: ")
    assert corpus.texts[1] == text


@pytest.mark.parametrize(
    "text",
    [
        "un café noir, señor", "£1.50 — “quoted” …", "日本語のテキスト", "привет, мир", "😀 emoji 👩‍👩‍👧",
        "a < b and c > d", "AT&T; R&D", "x<3", "two\nlines\tand\r\ntabs", "السلام عليكم",
    ],
)  # fmt: skip
def test_check_texts_accepts_undamaged_text(read_pairs: ReadPairs, text: str) -> None:
    names = {finding.name for finding in check_corpus(of_texts(read_pairs, [text]))}
    assert not names & {"encoding-damage", "html-remains", "control-characters"}


def test_check_duplicates_counts_near_duplicates_and_conflicts_separately(read_pairs: ReadPairs) -> None:
    corpus = read_pairs(
        [("A card", "x"), ("a  CARD", "x"), ("a card", "y"), ("b", "y"), ("B", "y"), ("c", "x"), ("c", "y")],
        drop_duplicates=False,
    )
    near, conflicts = found(corpus, "near-duplicates"), found(corpus, "conflicting-labels")
    assert near is not None
    assert near.count == 2  # one of x among the cards, one b
    assert near.examples == ("line 3: a  CARD", "line 6: B")
    assert conflicts is not None
    assert conflicts.count == 5
    assert conflicts.examples == ("A card: x (line 2), x (line 3), y (line 4)", "c: x (line 7), y (line 8)")
    assert len(corpus) == 7


def test_check_labels_reports_imbalance_above_ten_to_one(read_pairs: ReadPairs) -> None:
    def corpus(large: int) -> Corpus:
        return read_pairs([(f"l {i}", "large") for i in range(large)] + [(f"s {i}", "small") for i in range(3)])

    assert found(corpus(30), "class-imbalance") is None
    finding = found(corpus(31), "class-imbalance")
    assert finding is not None
    assert (finding.count, finding.examples) == (3, ("'small': 3 rows, the largest has 31",))


def test_check_labels_reports_numbers_and_rows_without_labels(read_pairs: ReadPairs) -> None:
    numbers = read_pairs([("a", 0), ("b", 0), ("c", 1), ("d", 1)])
    assert found(numbers, "numeric-label-names") is not None
    assert found(of_texts(read_pairs, ["a"]), "numeric-label-names") is None
    tagged = read_pairs([("a", ["x"]), ("b", ["x", "y"]), ("c", []), ("d", ["y"])])
    finding = found(tagged, "rows-without-labels")
    assert finding is not None
    assert (finding.count, finding.examples) == (1, ("line 4: c",))


def test_a_clean_corpus_has_no_findings(read_pairs: ReadPairs) -> None:
    assert check_corpus(read_pairs([("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")])) == []


def test_check_spans_reports_spans_that_split_words() -> None:
    rows = [
        ("my parcel is late", (3, 9), False),
        ("my parcel is late", (4, 10), True),  # shifted by one
        ("my parcel is late", (2, 8), True),  # begins with white space
        ("in U.S. dollars", (3, 7), False),
        ("#38094 is missing", (1, 6), False),
        ("\u6771\u4eac\u306b\u884c\u304f", (0, 2), False),  # no spaces between words
    ]
    source = [
        SourceRow(line, {"text": text, "spans": [{"start": start, "end": end, "label": "X"}]})
        for line, (text, (start, end), _) in enumerate(rows, start=1)
    ]
    corpus = read_task_corpus(source, "token-classification", source_name="rows")
    (shown,) = [finding for finding in corpus.findings if finding.name == "spans-across-words"]
    assert shown.lines == tuple(line for line, (_, _, odd) in enumerate(rows, start=1) if odd)


def test_texts_for_missing_values_are_found(read_pairs: ReadPairs) -> None:
    texts = ["nan", "NULL", "None", "#N/A", "n/a", "<NA>", "no", "none of them came"]
    finding = found(of_texts(read_pairs, texts), "placeholder-texts")
    assert finding is not None
    assert finding.count == 6
