from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.errors import CorpusError
from tests.training.corpus.reading.annotated.read_source import read_source, reject_reasons


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")


def test_one_folder_per_label(tmp_path: Path) -> None:
    write(tmp_path / "sport", b="goal in the last minute", a="race on the river")
    write(tmp_path / "food", c="soup of the day")
    (tmp_path / "README.md").write_text("not a row")
    corpus = read_source(tmp_path)
    assert list(zip(corpus.texts, corpus.labels, strict=True)) == [
        ("soup of the day", ("food",)),
        ("race on the river", ("sport",)),
        ("goal in the last minute", ("sport",)),
    ]


def test_folders_with_numbered_files_are_labels(tmp_path: Path) -> None:
    write(tmp_path / "ham", **{str(number): f"see you at lunch number {number} my friend" for number in range(5)})
    write(tmp_path / "spam", **{str(number): f"you have won prize number {number} click" for number in range(5)})
    assert read_source(tmp_path).label_counts() == {"ham": 5, "spam": 5}


@pytest.mark.parametrize("name", ["unsup", "Unlabelled", "un-labeled", "unlabeled_data", "reviews-without-label"])
def test_a_folder_of_texts_without_labels_is_no_label_and_the_decision_says_so(tmp_path: Path, name: str) -> None:
    write(tmp_path / "pos", a="a good film", b="a fine film")
    write(tmp_path / "neg", a="a bad film", b="a poor film")
    write(tmp_path / name, a="a film of some kind", b="another film", c="films")
    corpus = read_source(tmp_path)
    assert corpus.label_counts() == {"neg": 2, "pos": 2}
    (decision,) = [each for each in corpus.decisions if each.subject == "labels"]
    assert decision.chosen == "neg, pos"
    assert decision.why.startswith(f"left out: {name} with 3 texts, whose name says that they have no label")


def test_folders_of_texts_without_labels_alone_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "unsup", a="a film of some kind")
    write(tmp_path / "unlabelled", a="another film")
    with pytest.raises(CorpusError, match="is a label"):
        read_source(tmp_path)


@pytest.mark.parametrize("name", ["unlabelledness", "sun-sup", "labels-no"])
def test_other_names_are_labels(tmp_path: Path, name: str) -> None:
    write(tmp_path / "pos", a="a good film")
    write(tmp_path / name, a="a bad film")
    assert set(read_source(tmp_path).label_counts()) == {"pos", name}


def test_folders_of_reviews_next_to_files_of_features_are_read_by_split(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("test", 2)):
        for label in ("pos", "neg"):
            write(tmp_path / split / label, **{f"{n}_{n}": f"{label} film number {n} of {split}" for n in range(count)})
        write(tmp_path / split, urls_pos="http://a/1\n", urls_neg="http://a/2\n")
        (tmp_path / split / "labeledBow.feat").write_text("9 0:9 1:1\n")
    write(tmp_path / "train" / "unsup", a="a film of some kind")
    assert read_source(tmp_path).label_counts() == {"neg": 3, "pos": 3}
    assert read_source(tmp_path, preferred_split="test").label_counts() == {"neg": 2, "pos": 2}


def test_texts_and_labels_side_by_side_are_read_together(tmp_path: Path) -> None:
    write(tmp_path / "text", a="cells grow and grow", b="cells do not die", c="nothing at all here", d="a lonely text")
    write(tmp_path / "labels", a="growth\n", b="death\ngrowth\n", c="", e="death\n")
    corpus = read_source(tmp_path)
    assert list(zip(corpus.texts, corpus.labels, strict=True)) == [
        ("cells grow and grow", ("growth",)),
        ("cells do not die", ("death", "growth")),
        ("nothing at all here", ()),
    ]
    assert reject_reasons(corpus) == ["missing-label-file", "missing-text-file"]


def test_labels_are_recognised_by_their_content_under_any_folder_name(tmp_path: Path) -> None:
    write(tmp_path / "articles", **{str(n): f"a long text about topic {n % 2} and {n} more things" for n in range(8)})
    write(tmp_path / "outcome", **{str(n): f"topic{n % 2}" for n in range(8)})
    assert read_source(tmp_path).label_counts() == {"topic0": 4, "topic1": 4}


def test_annotations_of_unknown_form_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "text", a="cells grow", b="cells die")
    write(tmp_path / "labels", a="<growth 0 5>", b="<death 6 9>")
    with pytest.raises(CorpusError, match="in a form that is not known") as caught:
        read_source(tmp_path)
    assert caught.value.found == "labels/a.txt: <growth 0 5>"


def test_images_with_labels_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "labels", a="0 0.5 0.5", b="1 0.1 0.1")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"x")
    with pytest.raises(CorpusError, match="not one folder of texts with the same file names"):
        read_source(tmp_path)


def test_texts_in_a_legacy_encoding_are_read_with_the_named_one(tmp_path: Path) -> None:
    for label, text in (("a", "café crème"), ("b", "thé au citron")):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_bytes(text.encode("cp1252"))
    assert read_source(tmp_path, encoding="cp1252").texts == ["café crème", "thé au citron"]
