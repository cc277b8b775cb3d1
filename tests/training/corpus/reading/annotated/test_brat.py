from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.corpus.reading.annotated.read_source import entities, finding_counts, read_source, reject_reasons

TEXT = "Ada met Bo in\nNew York. 🙂 Cy left."
ANN = "T1\tPER 0 3\tAda\nT2\tLOC 14 22\tNew York\nT3\tPER 26 28\tCy\n"


def write(folder: Path, name: str, text: str | None, annotations: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if text is not None:
        (folder / f"{name}.txt").write_bytes(text.encode())
    if annotations is not None:
        (folder / f"{name}.ann").write_bytes(annotations.encode())


def test_entities_of_standoff_files_in_folders_and_not_the_folders_as_classes(tmp_path: Path) -> None:
    write(tmp_path / "eng", "a", TEXT, ANN)
    write(tmp_path / "eng", "b", "Nothing here.", "")
    write(tmp_path / "ned", "a", "Bo\r\nleft Ede.", "T1\tLOC 9 12\tEde\r\n")
    corpus = read_source(tmp_path)
    assert corpus.task == "token-classification"
    assert entities(corpus) == [[("Ada", "PER"), ("New York", "LOC"), ("Cy", "PER")], [], [("Ede", "LOC")]]
    assert corpus.texts[0] == TEXT


@pytest.mark.parametrize("name", ["a.ann", "a.txt"])
def test_one_file_is_read_by_either_of_its_names(tmp_path: Path, name: str) -> None:
    write(tmp_path, "a", TEXT, ANN)
    assert len(entities(read_source(tmp_path / name))[0]) == 3


def test_parallel_folders_of_texts_and_annotations(tmp_path: Path) -> None:
    write(tmp_path / "txt", "a", TEXT, None)
    write(tmp_path / "ann", "a", None, ANN)
    assert entities(read_source(tmp_path))[0][0] == ("Ada", "PER")


def test_discontinuous_spans_keep_their_first_part_and_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a", "head and neck cancer", "T1\tDIS 0 4;14 20\thead cancer\nT2\tDIS 9 20\tneck cancer\n")
    corpus = read_source(tmp_path)
    assert entities(corpus) == [[("head", "DIS"), ("neck cancer", "DIS")]]
    assert finding_counts(corpus)["discontinuous-spans"] == 1


def test_other_annotations_are_left_out_and_counted(tmp_path: Path) -> None:
    more = (
        "R1\tLives Arg1:T1 Arg2:T2\nE1\tMeet:T1 Who:T3\nA1\tNegated T1\n#1\tAnnotatorNotes T1\tsure\n*\tEquiv T1 T3\n"
    )
    write(tmp_path, "a", TEXT, ANN + more)
    (finding,) = [each for each in read_source(tmp_path).findings if each.name == "annotations-left-out"]
    assert finding.what_was_done == (
        "left out: 1 relations, 1 events, 1 attributes, 1 notes, 1 equivalences; only entities are read"
    )


def test_wrong_offsets_are_repaired_or_reject_the_text(tmp_path: Path) -> None:
    write(tmp_path, "a", TEXT, "T1\tLOC 13 21\tNew York\n")
    write(tmp_path, "b", TEXT, "T1\tPER 0 2\tZoe\n")
    corpus = read_source(tmp_path)
    assert entities(corpus) == [[("New York", "LOC")]]
    assert finding_counts(corpus)["repaired-offsets"] == 1
    assert reject_reasons(corpus) == ["offsets-contradict-text"]


def test_files_without_their_pair_and_unreadable_lines_are_rejects(tmp_path: Path) -> None:
    write(tmp_path, "a", TEXT, ANN)
    write(tmp_path, "b", "No annotations.", None)
    write(tmp_path, "c", None, ANN)
    write(tmp_path, "d", "Ada", "T1 PER 0 3 Ada\n")
    corpus = read_source(tmp_path)
    assert reject_reasons(corpus) == ["missing-annotation-file", "missing-text-file", "annotation-unreadable"]


def test_an_annotation_file_without_its_text_gives_no_rows_and_says_why(tmp_path: Path) -> None:
    write(tmp_path, "a", None, ANN)
    assert reject_reasons(read_source(tmp_path / "a.ann")) == ["missing-text-file"]


def test_an_overlapping_span_is_left_out_and_the_other_spans_of_its_text_are_kept(tmp_path: Path) -> None:
    write(
        tmp_path, "a", TEXT, ANN + "T4\tCITY 14 17\tNew\nT5\tPLACE 11 22\tin\nNew York\n".replace("in\nNew", "in New")
    )
    write(tmp_path, "b", "Ada left.", "T1\tPER 0 3\tAda\n")
    corpus = read_source(tmp_path)
    assert reject_reasons(corpus) == []
    assert entities(corpus) == [[("Ada", "PER"), ("in\nNew York", "PLACE"), ("Cy", "PER")], [("Ada", "PER")]]
    (finding,) = [each for each in corpus.findings if each.name == "overlapping-spans"]
    assert (finding.count, finding.lines) == (1, (1,))
    assert finding.what_was_done.startswith("2 left out: of overlapping spans the longest is kept")
