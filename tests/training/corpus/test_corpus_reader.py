from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, CorpusError, UnknownColumn, UnreadableRow
from glossator.training.corpus.corpus import Corpus, UnusableCorpus
from glossator.training.corpus.corpus_reader import HEAD_ROWS, read_corpus
from glossator.training.corpus.row import SourceRow

ReadPairs = Callable[..., Corpus]

GOOD = [("where is my card", "card"), ("it never came", "card"), ("what is the fee", "fee"), ("why a fee", "fee")]


def names(faulty: pytest.ExceptionInfo[CorpusError]) -> list[str]:
    return [fault.name for fault in faulty.value.faults]


def test_read_corpus_keeps_texts_labels_and_lines(read_pairs: ReadPairs) -> None:
    corpus = read_pairs(GOOD)
    assert corpus.texts == [text for text, _ in GOOD]
    assert corpus.labels == [(label,) for _, label in GOOD]
    assert corpus.label_names == ["card", "fee"]
    assert corpus.lines == [2, 3, 4, 5]
    assert (corpus.problem_type, corpus.rows_in, corpus.rejects, corpus.dropped) == (
        "single_label_classification",
        4,
        [],
        [],
    )


def test_read_corpus_reads_multi_label_lists() -> None:
    cells: list[list[str]] = [["b", "a"], ["a"], [], ["b"]]
    rows = [SourceRow(line, {"text": f"text {line}", "labels": cell}) for line, cell in enumerate(cells)]
    corpus = read_corpus(rows, source_name="x")
    assert corpus.problem_type == "multi_label_classification"
    assert corpus.labels == [("a", "b"), ("a",), (), ("b",)]


def test_read_corpus_reads_a_separator(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("t1", "a|b"), ("t2", "b"), ("t3", "a"), ("t4", "")], label_separator="|")
    assert corpus.labels == [("a", "b"), ("b",), ("a",), ()]


def test_every_kind_of_bad_row_becomes_a_reject(read_pairs: ReadPairs) -> None:
    bad: list[tuple[object, object, str]] = [
        (None, "card", "missing-text"),
        ("  ", "card", "empty-text"),
        (5, "card", "text-not-a-string"),
        ("half \ud83d", "card", "undecodable-text"),
        ("t", None, "missing-label"),
        ("t", "", "missing-label"),
        ("t", math.nan, "nan-label"),
        ("t", ["a", "b"], "label-is-a-list"),
        ("t", {"a": 1}, "label-not-a-name"),
        ("t", "\udcff", "undecodable-label"),
    ]
    corpus = read_pairs([*GOOD, *((text, label) for text, label, _ in bad), ("the last row", "card")])
    assert [(reject.line, reject.reason) for reject in corpus.rejects] == [
        (line, reason) for line, (_, _, reason) in enumerate(bad, start=6)
    ]
    assert corpus.texts[-1] == "the last row"
    assert corpus.lines[-1] == 16


def test_read_corpus_rejects_unreadable_rows_with_their_raw_text() -> None:
    rows = [Record(line, {"text": text, "label": label}) for line, (text, label) in enumerate(GOOD, start=2)]
    rows.insert(2, Record(9, {}, UnreadableRow("too many fields", found="x"), 'a,"b'))
    corpus = read_corpus(rows, source_name="x")
    (reject,) = corpus.rejects
    assert (reject.line, reject.reason, reject.message, reject.raw) == (
        9,
        "unreadable-row",
        "too many fields (found: x)",
        'a,"b',
    )


def test_read_corpus_keeps_the_strings_nan_and_null_as_labels(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([*GOOD, ("a", "nan"), ("b", "nan"), ("c", "null"), ("d", "null")])
    assert {"nan", "null"} <= set(corpus.label_names)
    assert corpus.rejects == []
    (finding,) = [finding for finding in corpus.findings if finding.name == "suspicious-label-names"]
    assert finding.count == 4


def test_wrong_columns_are_reported_with_the_existing_ones(read_pairs: ReadPairs) -> None:
    with pytest.raises(UnknownColumn) as caught:
        read_pairs(GOOD, text_column="texts", label_column="labl")
    assert [fault.message for fault in caught.value.faults] == [
        "no text column 'texts'; did you mean 'text'?",
        "no label column 'labl'; did you mean 'label'?",
    ]


def test_a_column_may_exist_in_late_rows_only() -> None:
    rows = [SourceRow(i, {"text": f"text {i}"}) for i in range(HEAD_ROWS + 10)]
    late = range(HEAD_ROWS + 10, HEAD_ROWS + 30)
    rows += [SourceRow(i, {"text": f"labelled {i}", "tags": ["a", "b"][: i % 3]}) for i in late]
    corpus = read_corpus(rows, source_name="x", label_column="tags")
    assert corpus.problem_type == "multi_label_classification"
    assert (len(corpus), len(corpus.rejects)) == (20, HEAD_ROWS + 10)
    assert corpus.columns.existing == ("text", "tags")


def test_columns_are_found_after_many_unreadable_rows() -> None:
    error = UnreadableRow("broken")
    rows = [Record(i, {}, error, "?") for i in range(HEAD_ROWS + 1)]
    rows += [Record(HEAD_ROWS + i, {"text": text, "label": label}) for i, (text, label) in enumerate(GOOD)]
    corpus = read_corpus(rows, source_name="x")
    assert (len(corpus), len(corpus.rejects)) == (4, HEAD_ROWS + 1)


def test_read_corpus_reads_a_stream_once() -> None:
    yielded = 0

    def stream() -> Iterator[SourceRow]:
        nonlocal yielded
        for i in range(3 * HEAD_ROWS):
            yielded += 1
            yield SourceRow(i, {"text": f"text {i}", "label": "ab"[i % 2]})

    assert len(read_corpus(stream(), source_name="x")) == yielded == 3 * HEAD_ROWS


def test_a_source_without_rows_is_an_unusable_corpus() -> None:
    with pytest.raises(UnusableCorpus, match="empty-corpus") as caught:
        read_corpus([], source_name="empty.csv")
    assert caught.value.corpus.rows_in == 0
    assert "empty.csv" in str(caught.value)


def test_a_source_without_usable_rows_reports_every_reason_and_keeps_the_rejects(read_pairs: ReadPairs) -> None:
    with pytest.raises(UnusableCorpus, match="no-usable-rows") as caught:
        read_pairs([("", "a"), ("", "b"), ("t", None)])
    assert "empty-text in 2 (line 2" in str(caught.value)
    assert "missing-label in 1 (line 4" in str(caught.value)
    assert len(caught.value.corpus.rejects) == 3


def test_read_corpus_reports_all_faults_of_a_corpus_together(read_pairs: ReadPairs) -> None:
    pairs = [(f"text {i}", f"{i}.5" if i else "3") for i in range(200)]
    with pytest.raises(UnusableCorpus) as caught:
        read_pairs(pairs)
    assert names(caught) == ["label-is-free-text", "label-is-a-number", "class-with-one-row"]


def test_rare_labels_are_dropped_only_on_request(read_pairs: ReadPairs) -> None:
    pairs = [*GOOD, ("once", "rare")]
    with pytest.raises(UnusableCorpus, match=r"'rare' \(line 6\).*--drop-rare"):
        read_pairs(pairs)
    corpus = read_pairs(pairs, drop_rare=True)
    assert corpus.label_names == ["card", "fee"]
    assert [(dropped.line, dropped.reason) for dropped in corpus.dropped] == [(6, "rare-label")]


def test_a_corpus_with_only_rare_labels_has_too_few_labels(read_pairs: ReadPairs) -> None:
    with pytest.raises(UnusableCorpus, match="no label at all") as caught:
        read_pairs([("t1", "a"), ("t2", "b")], drop_rare=True)
    assert len(caught.value.corpus.dropped) == 2


def test_exact_duplicates_are_dropped_by_default(read_pairs: ReadPairs) -> None:
    assert len(read_pairs([*GOOD, GOOD[0]])) == 4
    assert len(read_pairs([*GOOD, GOOD[0]], drop_duplicates=False)) == 5


def test_rows_that_are_duplicates_after_unifying_labels_are_dropped(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([*GOOD, ("what is the fee", "Fee")])
    assert [dropped.line for dropped in corpus.dropped] == [6]
    assert corpus.label_names == ["card", "fee"]


def test_with_known_labels_duplicates_and_the_order_of_labels_are_kept(read_pairs: ReadPairs) -> None:
    pairs = [("t", "Fee"), ("t", "Fee"), ("u", "unheard of")]
    corpus = read_pairs(pairs, known_labels=["fee", "card", "atm"])
    assert corpus.label_names == ["fee", "card", "atm"]
    assert corpus.labels == [("fee",), ("fee",)]
    assert [reject.reason for reject in corpus.rejects] == ["unknown-label"]
    assert ("label-name-variants", 2) in [(finding.name, finding.count) for finding in corpus.findings]


def test_read_corpus_counts_repeated_labels() -> None:
    rows = [SourceRow(i, {"text": f"t {i}", "labels": ["a", "a", "b"]}) for i in range(4)]
    findings = {finding.name: finding for finding in read_corpus(rows, source_name="x").findings}
    assert (findings["repeated-labels"].count, findings["repeated-labels"].share) == (4, 1.0)


def test_a_label_as_number_and_as_text_is_one_label_with_a_finding(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("a", 1), ("b", "1"), ("c", 2), ("d", "2"), ("e", 2.0)])
    assert corpus.label_names == ["1", "2"]
    findings = {finding.name: finding for finding in corpus.findings}
    assert (findings["mixed-label-types"].count, findings["mixed-label-types"].examples) == (2, ("'1'", "'2'"))
    assert findings["label-name-variants"].examples == ("'2.0' -> '2' (1 rows)",)


def test_a_missing_key_a_missing_value_and_an_empty_list_differ() -> None:
    cells: list[dict[str, object]] = [
        {"labels": ["a", "b"]},
        {"labels": []},
        {},
        {"labels": None},
        {"labels": ["b", "a"]},
    ]
    rows = [SourceRow(line, {"text": f"text {line}"} | cell) for line, cell in enumerate(cells, start=1)]
    corpus = read_corpus(rows, source_name="x", drop_rare=True)
    assert corpus.labels[1] == ()
    assert [(reject.line, reject.message) for reject in corpus.rejects] == [
        (3, "the row has no field 'labels'; write [] if no label applies"),
        (4, "the label is empty; write [] if no label applies"),
    ]


def test_labels_0_and_0_0_are_one_label_with_a_finding(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("a", "0.0"), ("b", "0"), ("c", "1.0"), ("d", "1"), ("e", "1.0")])
    assert corpus.label_counts() == {"0": 2, "1": 3}
    findings = {finding.name: finding.count for finding in corpus.findings}
    assert findings["label-name-variants"] == 3


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"label_separator": ""}, "label-separator"),
        ({"label_separator": ";", "problem_type": "single_label_classification"}, "label-separator"),
        ({"problem_type": "multi"}, "problem-type"),
    ],
)
def test_contradictory_options_are_rejected(read_pairs: ReadPairs, options: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        read_pairs(GOOD, **options)


def test_one_column_for_text_and_label_is_rejected(read_pairs: ReadPairs) -> None:
    with pytest.raises(CorpusError, match="same-column"):
        read_pairs(GOOD, text_column="label")


words = ["spam", "Spam", "ham", "ham ", "", " ", "nan", "[]", '["spam"]', '["ham", "eggs"]', "[", "\ud800"]
cells = st.one_of(
    st.sampled_from(words),
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=5),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers()), max_size=3),
)
mixed_rows = st.lists(
    st.one_of(
        st.builds(lambda text, label: {"text": text, "label": label}, cells, cells),
        st.builds(lambda text: {"text": text}, cells),
        st.none(),  # an unreadable row
        st.just({"text": "the same", "label": "spam"}),
    ),
    max_size=40,
)


@given(
    mixed=mixed_rows,
    problem_type=st.sampled_from([None, "single_label_classification", "multi_label_classification"]),
    fix=st.booleans(),
    drop_rare=st.booleans(),
    known=st.sampled_from([None, ["ham", "spam"]]),
)
def test_every_row_is_kept_rejected_or_dropped_once(
    mixed: list[dict[str, object] | None], problem_type: str | None, fix: bool, drop_rare: bool, known: list[str] | None
) -> None:
    error = UnreadableRow("broken")
    rows = [Record(line, fields or {}, error if fields is None else None) for line, fields in enumerate(mixed, start=1)]
    try:
        corpus = read_corpus(
            rows,
            source_name="x",
            text_column="text",
            label_column="label",
            problem_type=problem_type,  # type: ignore[arg-type]
            fix_label_names=fix,
            drop_rare=drop_rare,
            known_labels=known,
        )
    except UnusableCorpus as unusable:
        corpus = unusable.corpus
    except UnknownColumn:
        assert all(row.error or row.fields.keys() == {"text"} for row in rows)
        return
    assert corpus.rows_in == len(rows)
    accounted = corpus.lines + [row.line for row in corpus.rejects] + [row.line for row in corpus.dropped]
    assert Counter(accounted) == Counter(range(1, len(rows) + 1))
    assert len(corpus.texts) == len(corpus.labels) == len(corpus.lines)
    assert {name for labels in corpus.labels for name in labels} <= set(corpus.label_names)
    if corpus.problem_type == "single_label_classification":
        assert all(len(labels) == 1 for labels in corpus.labels)


def test_reading_imports_no_heavy_packages() -> None:
    code = (
        "import sys, glossator.training.corpus.corpus_reader, glossator.training.corpus.splitting.split;"
        "import glossator.training.corpus.reports.corpus_report, glossator.training.corpus.reading.hf_dataset;"
        "print(sorted({'torch', 'transformers', 'datasets', 'sklearn', 'ftfy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
