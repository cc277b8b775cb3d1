from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from glossator.service.errors import CorpusError, UnknownColumn
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.reading.labels.label_forms import LabelForm, LabelNames, as_vector
from glossator.training.corpus.row import RowFault, SourceRow

NAMES = ("late", "damaged", "urgent")
VECTORS = [[0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]]
EXPECTED = [("damaged", "urgent"), ("late",), ("damaged",), ()]
TEXTS = ["the tent is broken, come at once", "where is my tent", "the pole is bent", "what do you sell"]


def read(table: Mapping[str, Sequence[object]], *, times: int = 4, **options: object) -> Corpus:
    rows = list(zip(*table.values(), strict=True)) * times
    records = [
        SourceRow(line, dict(zip(table, cells, strict=True)) | {"text": f"{TEXTS[line % 4]} {line}"})
        for line, cells in enumerate(rows, start=1)
    ]
    return read_corpus(records, source_name="x", **options)  # type: ignore[arg-type]


def python_text(vector: Sequence[int]) -> str:
    return str(list(vector))


def numpy_text(vector: Sequence[int]) -> str:
    return "[" + " ".join(f"{number}." for number in vector) + "]"


@pytest.mark.parametrize(
    "write",
    [
        list,
        tuple,
        python_text,
        numpy_text,
        lambda vector: [float(number) for number in vector],
        lambda vector: [bool(number) for number in vector],
        lambda vector: " ".join(map(str, vector)),
        lambda vector: ",".join(map(str, vector)),
        lambda vector: "".join(map(str, vector)),
        lambda vector: f"array([{', '.join(map(str, vector))}])",
    ],
)
def test_vectors_are_read_in_every_form(write: object) -> None:
    cells = [write(vector) for vector in VECTORS]  # type: ignore[operator]
    corpus = read({"labels": cells}, label_names=LabelNames(given=NAMES))
    assert corpus.problem_type == "multi_label_classification"
    assert corpus.labels[:4] == EXPECTED
    assert corpus.label_names == ["damaged", "late", "urgent"]
    (decision,) = corpus.decisions
    assert decision.message == (
        "labels: late, damaged, urgent (column labels holds vectors of 3 numbers; names from --label-names); "
        "change with --label-names"
    )


def test_vectors_without_names_are_refused() -> None:
    with pytest.raises(CorpusError) as caught:
        read({"labels": VECTORS})
    assert caught.value.message == (
        "column labels holds vectors of 3 numbers, but the names of the labels are not known"
    )
    assert caught.value.found == "[0, 1, 1] (line 1)"
    assert "--label-names late,damaged,urgent" in (caught.value.hint or "")


def test_names_of_another_number_are_refused() -> None:
    with pytest.raises(CorpusError, match="--label-names has 2 names"):
        read({"labels": VECTORS}, label_names=LabelNames(given=("late", "damaged")))


def test_the_names_of_a_vector_may_be_in_its_header() -> None:
    corpus = read({"late|damaged|urgent": [" ".join(map(str, vector)) for vector in VECTORS]},
                  label_column="late|damaged|urgent")  # fmt: skip
    assert corpus.labels[:4] == EXPECTED


def test_names_next_to_the_source_are_used_only_if_they_fit() -> None:
    assert read({"labels": VECTORS}, label_names=LabelNames(listed=NAMES, listed_origin="labels.txt")).labels[:4] == (
        EXPECTED
    )
    with pytest.raises(CorpusError, match=r"labels\.txt has 4 names"):
        read({"labels": VECTORS}, label_names=LabelNames(listed=(*NAMES, "x"), listed_origin="labels.txt"))


def test_one_hot_vectors_are_one_label_a_row() -> None:
    corpus = read({"labels": [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]}, label_names=LabelNames(given=NAMES))
    assert corpus.problem_type == "single_label_classification"
    assert corpus.labels[:3] == [("late",), ("damaged",), ("urgent",)]
    assert corpus.decisions[-1].message.startswith("labels per row: one (each of 16 rows has exactly one label)")


def test_vectors_of_scores_are_refused() -> None:
    with pytest.raises(CorpusError, match="holds 3 scores in each row"):
        read({"labels": [[0.1, 0.8, 0.9], [1, 0, 0], [0, 1, 0], [0, 0, 0]]}, label_names=LabelNames(given=NAMES))


def test_lists_of_numbers_of_different_lengths_are_label_numbers() -> None:
    corpus = read({"labels": [[0], [1, 2], [1], []]}, label_names=LabelNames(given=NAMES))
    assert corpus.labels[:4] == [("late",), ("damaged", "urgent"), ("damaged",), ()]


@pytest.mark.parametrize("cells", [[0, 1, 2, 1], ["0", "1", "2", "1"], ["0.0", "1.0", "2.0", "1.0"]])
def test_numbers_become_the_given_names(cells: list[object]) -> None:
    corpus = read({"label": cells}, label_names=LabelNames(given=NAMES))
    assert corpus.labels[:4] == [("late",), ("damaged",), ("urgent",), ("damaged",)]
    assert corpus.problem_type == "single_label_classification"


def test_numbers_become_names_from_the_metadata_of_their_own_column_only() -> None:
    metadata = LabelNames(by_column={"label": NAMES}, by_column_origin="dataset_info.json")
    assert read({"label": [0, 1, 2, 1]}, label_names=metadata).label_names == ["damaged", "late", "urgent"]
    assert read({"category": [0, 1, 2, 1]}, label_names=metadata).label_names == ["0", "1", "2"]


def test_a_number_without_a_name_is_refused() -> None:
    with pytest.raises(CorpusError, match="numbers up to 3, but --label-names has 3 names"):
        read({"label": [0, 1, 2, 3]}, label_names=LabelNames(given=NAMES))


def test_minus_one_marks_rows_without_a_label() -> None:
    corpus = read({"label": [0, 1, -1, 1]}, label_names=LabelNames(given=("late", "damaged")))
    assert [reject.reason for reject in corpus.rejects] == ["missing-label"] * 4
    assert corpus.rejects[0].message == "the label is -1, which marks rows without a label"


@pytest.mark.parametrize(
    ("yes", "no"), [(1, 0), ("1", "0"), (True, False), ("TRUE", "FALSE"), ("yes", "no"), ("x", ""), ("x", None)]
)
def test_one_column_per_label_is_recognised(yes: object, no: object) -> None:
    columns = {name: [yes if vector[place] else no for vector in VECTORS] for place, name in enumerate(("a", "b", "c"))}
    corpus = read({"id": ["r1", "r2", "r3", "r4"], "text": TEXTS, **columns})
    assert corpus.problem_type == "multi_label_classification"
    assert corpus.labels[:4] == [("b", "c"), ("a",), ("b",), ()]
    assert corpus.columns.text == "text"
    assert corpus.decisions[0].message.startswith("label columns: a, b, c (")


def test_a_column_that_says_no_in_the_first_rows_is_a_label_too() -> None:
    corpus = read({"a": [1, 0, 1, 0], "rare": [0, 0, 0, 0], "b": [0, 1, 1, 0]})
    assert corpus.columns.label == "a, rare, b"


def test_a_named_label_column_wins_over_flags_and_the_flags_are_named() -> None:
    corpus = read({"category": ["x", "y", "x", "y"], "new": [0, 1, 1, 0], "vip": [1, 0, 1, 0]})
    assert corpus.columns.label == "category"
    assert "runner-up: one label per column: new, vip" in corpus.decisions[0].message


def test_two_flags_and_a_repeated_column_are_ambiguous() -> None:
    with pytest.raises(UnknownColumn, match=r"'channel' \(for example chat, mail\)"):
        read({"channel": ["chat", "mail", "chat", "mail"], "new": [0, 1, 1, 0], "vip": [1, 0, 1, 0]})


def test_label_columns_may_be_named() -> None:
    table = {"channel": ["chat", "mail", "chat", "mail"], "new": [0, 1, 1, 0], "vip": [1, 0, 1, 0]}
    for options in ({"label_column": "new,vip"}, {"label_names": LabelNames(given=("new", "vip"))}):
        assert read(table, **options).labels[:4] == [("vip",), ("new",), ("new", "vip"), ()]
    with pytest.raises(CorpusError, match=r"column channel does not say yes or no(.|\n)*values chat, mail"):
        read(table, label_column="channel,vip")


def test_columns_of_scores_are_refused_by_name() -> None:
    with pytest.raises(UnknownColumn, match="'toxic', 'insult' hold scores between 0 and 1"):
        read({"toxic": [0.0, 0.83, 0.2, 0.1], "insult": [0.5, 0.0, 0.0, 0.1]})


def test_a_blank_flag_is_a_missing_label_where_others_say_no() -> None:
    corpus = read({"a": [1, 0, None, -1], "b": [0, 1, 1, -1], "c": [0, 1, 1, 0]})
    assert [reject.message for reject in corpus.rejects[:2]] == [
        "column 'a' is empty",
        "column 'a' is -1, which marks rows without labels",
    ]


@pytest.mark.parametrize(
    "write",
    [
        lambda yes: {"late": yes, "damaged": not yes},
        lambda yes: {"late": float(yes), "damaged": float(not yes)},
        lambda yes: {"late": int(yes), "damaged": None if yes else 1},
        lambda yes: str({"late": yes, "damaged": not yes}),
    ],
)
def test_mappings_say_yes_or_no_for_each_label(write: object) -> None:
    cells = [write(yes) for yes in (True, False, True, False)]  # type: ignore[operator]
    corpus = read({"cats": cells})
    assert corpus.labels[:2] == [("late",), ("damaged",)]
    assert corpus.problem_type == "single_label_classification"


def test_mappings_with_two_labels_are_multi_label() -> None:
    corpus = read({"cats": [{"a": 1, "b": 1, "c": 0}, {"a": 0, "b": 0, "c": 0}] * 2})
    assert (corpus.problem_type, corpus.labels[:2]) == ("multi_label_classification", [("a", "b"), ()])


def test_mappings_of_scores_are_refused() -> None:
    with pytest.raises(CorpusError, match="column cats holds a score for each label") as caught:
        read({"cats": [{"late": 0.9, "damaged": 0.1}] * 4})
    assert caught.value.found == '{"late": 0.9, "damaged": 0.1}'


def test_lists_with_one_label_each_are_one_label_a_row() -> None:
    corpus = read({"labels": [["late"], ["damaged"], ["late"], ["damaged"]]})
    assert (corpus.problem_type, corpus.labels[0]) == ("single_label_classification", ("late",))
    several = read({"labels": [["late"], ["damaged"], ["late"], ["damaged"]]}, label_separator=";")
    assert several.problem_type == "multi_label_classification"


def test_a_missing_key_differs_from_an_empty_list() -> None:
    form = LabelForm("names", "labels")
    assert form.cell({"labels": []}) == []
    with pytest.raises(RowFault, match="the row has no field 'labels'"):
        form.cell({"text": "t"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0 1 1", [0, 1, 1]),
        ("0;1", [0, 1]),
        ("0", None),
        ("10", None),
        ("2024-01-05", None),
        ([1], None),
        (["a", 1], None),
    ],
)
def test_as_vector(value: object, expected: list[float] | None) -> None:
    assert as_vector(value) == expected


def test_one_label_or_none_is_a_yes_or_no_question() -> None:
    corpus = read({"labels": [["late"], [], ["late"], []]})
    assert corpus.problem_type == "single_label_classification"
    assert corpus.labels[:2] == [("late",), ("not late",)]
    assert corpus.decisions[-1].message == (
        "labels: late, not late (late is the only label, and 8 of 16 rows are without it)"
    )
    test = read(
        {"labels": [["late"], [], [], []]}, known_labels=["late", "not late"],
        problem_type="single_label_classification",
    )  # fmt: skip
    assert test.labels[:2] == [("late",), ("not late",)]


def test_a_mapping_of_one_label_is_a_yes_or_no_question() -> None:
    corpus = read({"cats": [{"spam": 1.0}, {"spam": 0.0}, {"spam": 0}, {"spam": True}]})
    assert corpus.labels[:4] == [("spam",), ("not spam",), ("not spam",), ("spam",)]


def test_names_for_labels_that_are_names_are_refused() -> None:
    with pytest.raises(CorpusError, match="column label holds names"):
        read({"label": ["late", "damaged", "late", "damaged"]}, label_names=LabelNames(given=("x", "y")))
    named = LabelNames(given=("late", "damaged"))
    assert read({"label": ["late", "damaged", "late", "damaged"]}, label_names=named).label_names == ["damaged", "late"]


def test_named_labels_that_no_row_has_are_a_finding() -> None:
    corpus = read({"a": [1, 0, 1, 0], "rare": [0, 0, 0, 0], "b": [0, 1, 1, 0]})
    assert corpus.label_names == ["a", "b"]
    (finding,) = [finding for finding in corpus.findings if finding.name == "labels-without-rows"]
    assert (finding.count, finding.examples) == (1, ("rare",))


def test_arrays_that_were_cut_off_are_refused() -> None:
    with pytest.raises(CorpusError, match="column labels were cut off when they were printed"):
        read({"labels": ["[0 0 0 ... 0 1 0]", "[1 0 0 ... 0 0 0]"] * 2})


def test_binary_numbers_of_two_classes_are_names() -> None:
    assert read({"label": ["101", "110", "101", "110"]}).label_names == ["101", "110"]
