from __future__ import annotations

import gzip
import json
from pathlib import Path
from shutil import make_archive

import pytest

from glossator.service.errors import ConfigError, FileMissing, GlossatorError
from glossator.workflows.corpus.reading import read_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.corpus.sources import open_rows
from glossator.workflows.reporter import Reporter

ROWS = [{"text": "late box", "label": "delivery"}, {"text": "bad login", "label": "login"}]
PLAIN = ReadingOptions()


def read(source: Path | str, options: ReadingOptions = PLAIN) -> tuple[list[dict[str, object]], str]:
    with open_rows(str(source), options, Reporter()) as opened:
        return [dict(row.fields) for row in opened.rows], opened.description


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_a_file(file: Path) -> None:
    rows, description = read(file)
    assert rows == ROWS
    assert description.startswith(f"{file}: jsonl")


def test_a_folder_that_wrangle_wrote_is_read_by_its_corpus_file(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cleaned"
    folder.mkdir()
    file.rename(folder / "corpus.jsonl")
    (folder / "cleaned.json").write_text("{}")
    assert read(folder)[0] == ROWS


def test_a_saved_dataset(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_list(ROWS).save_to_disk(tmp_path / "dataset")
    rows, description = read(tmp_path / "dataset")
    assert rows == ROWS
    assert description == f"{tmp_path / 'dataset'}: dataset folder"


def test_a_folder_per_label_is_an_annotated_document(tmp_path: Path) -> None:
    for label, text in (("delivery", "late box"), ("login", "bad login")):
        (tmp_path / "topics" / label).mkdir(parents=True)
        (tmp_path / "topics" / label / "0.txt").write_text(text)
    rows, _ = read(tmp_path / "topics")
    assert sorted(str(row["text"]) for row in rows) == ["bad login", "late box"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReadingOptions(dataset_split="train"), "a file takes no --dataset-split"),
        (ReadingOptions(encoding="utf-8"), "a dataset takes no --encoding"),
    ],
)
def test_options_of_another_kind_of_source_are_refused(
    file: Path, tmp_path: Path, options: ReadingOptions, message: str
) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset/dataset_dict.json").write_text("{}")
    with pytest.raises(ConfigError, match=message):
        read(file if options.dataset_split else tmp_path / "dataset", options)


@pytest.mark.parametrize("name", ["tickets.csv", "./tickets", "a/b/c", "~/tickets"])
def test_names_that_are_no_hub_names_are_missing_files(name: str) -> None:
    with pytest.raises(FileMissing):
        read(name)


@pytest.mark.parametrize("name", ["tickets", "owner/tickets"])
def test_a_hub_name_is_looked_up_without_a_network_in_vain(name: str) -> None:
    with pytest.raises(GlossatorError, match="cannot be loaded from the hub"):
        read(name)


def test_a_folder_with_a_file_for_each_split(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        rows = "".join(json.dumps({"text": f"{split} {number}", "label": number % 2}) + "\n" for number in range(4))
        (tmp_path / f"{split}.jsonl").write_text(rows)
    (tmp_path / "README.md").write_text("train, test")
    with open_rows(str(tmp_path), PLAIN, Reporter()) as opened:
        assert next(iter(opened.rows)).fields["text"] == "train 0"
        assert [decision.message for decision in opened.decisions] == [
            "split: train (the split for training); runner-up: validation, test; change with --dataset-split"
        ]
    assert read(tmp_path, PLAIN.for_evaluation())[0][0]["text"] == "test 0"
    assert read(tmp_path, PLAIN.for_evaluation("validation"))[0][0]["text"] == "dev 0"
    assert read(tmp_path, ReadingOptions(dataset_split="validation"))[0][0]["text"] == "dev 0"
    with pytest.raises(ConfigError, match="one of validation, test, train"):
        read(tmp_path, ReadingOptions(dataset_split="unsup"))


def test_several_files_of_a_split_are_numbered_together(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for part in range(2):
        rows = "".join(json.dumps({"text": f"{part} {number}", "label": "x"}) + "\n" for number in range(2))
        (tmp_path / f"data/train-0000{part}-of-00002.jsonl").write_text(rows)
    with open_rows(str(tmp_path), PLAIN, Reporter()) as opened:
        rows_read = [(row.line, row.fields["text"]) for row in opened.rows]
    assert rows_read == [(1, "0 0"), (2, "0 1"), (3, "1 0"), (4, "1 1")]


def test_folders_per_split_are_no_labels(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("late", "damaged"):
            (tmp_path / split / label).mkdir(parents=True)
            (tmp_path / split / label / "0.txt").write_text(f"{split} {label}")
    rows, _ = read(tmp_path)
    assert sorted((row["label"], row["text"]) for row in rows) == [
        ("damaged", "train damaged"),
        ("late", "train late"),
    ]


def test_a_folder_of_no_known_form_is_refused_with_what_it_contains(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for number in range(2):
        (tmp_path / f"{number}.pdf").write_bytes(b"%PDF")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path)
    assert caught.value.message == f"{tmp_path} is a folder of no known form"
    assert caught.value.found == "1 folder (scans), 2 .pdf files"


@pytest.mark.parametrize("name", ["train.txt", "reviews.ft.txt.gz", "labelled.csv", "corpus"])
def test_lines_of_fasttext_are_recognised_under_any_name(tmp_path: Path, name: str) -> None:
    content = b"__label__late where is it\n__label__late __label__urgent come now\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    rows, description = read(path)
    assert rows == [
        {"text": "where is it", "labels": ["late"]},
        {"text": "come now", "labels": ["late", "urgent"]},
    ]
    assert "fasttext" in description


def test_squad_in_its_flat_form_becomes_questions_with_spans(tmp_path: Path) -> None:
    context = "Zoë Müller opened the bakery in 1987."
    answers = [("Who opened it?", ["Zoë Müller"]), ("When?", ["1987", "in 1987"]), ("Why?", [])]
    data = [
        {
            "id": str(number),
            "title": "Bakery",
            "context": context,
            "question": question,
            "answers": {"text": texts, "answer_start": [context.index(text) for text in texts]},
        }
        for number, (question, texts) in enumerate(answers)
    ]
    path = tmp_path / "flat.json"
    path.write_text(json.dumps({"version": "1.0", "data": data}))
    reading = read_corpus(str(path), PLAIN, Reporter())
    corpus = reading.corpus
    assert corpus.texts == [question for question, _ in answers]
    assert corpus.seconds == [context] * 3
    assert corpus.spans is not None
    assert [[context[span.start : span.end] for span in spans] for spans in corpus.spans] == [
        ["Zoë Müller"],
        ["1987", "in 1987"],
        [],
    ]


def test_the_training_split_of_lists_of_cells_is_the_one_with_the_plain_name(tmp_path: Path) -> None:
    splits = {
        "oos_train": [["is it raining", "oos"]],
        "train": [["block my card", "block"], ["renew my card", "renew"]],
        "val": [["a new card please", "renew"]],
        "oos_test": [["tell me a joke", "oos"]],
        "test": [["please block it", "block"]],
    }
    path = tmp_path / "intents.json"
    path.write_text(json.dumps(splits))
    for options, split in (
        (PLAIN, "train"),
        (PLAIN.for_evaluation("validation"), "val"),
        (PLAIN.for_evaluation(), "test"),
        (ReadingOptions(dataset_split="oos_test"), "oos_test"),
    ):
        assert [list(row.values()) for row in read(path, options)[0]] == splits[split]


CONLL = {
    "a.conll": "Ada B-PER\nleft O\n\nShe O\nstays O\n",
    "sub/b.conll": "-DOCSTART- O\n\nBo B-PER\nruns O\n\n-DOCSTART- O\n\nCy B-PER\nsits O\n",
}
CONLL_ROWS = [
    ("a.conll", "Ada left", [{"start": 0, "end": 3, "label": "PER"}]),
    ("a.conll", "She stays", []),
    ("sub/b.conll", "Bo runs", [{"start": 0, "end": 2, "label": "PER"}]),
    ("sub/b.conll", "Cy sits", [{"start": 0, "end": 2, "label": "PER"}]),
]


def write_conll(folder: Path, suffix: str = ".conll") -> Path:
    for name, content in CONLL.items():
        file = (folder / name).with_suffix(suffix)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder


@pytest.mark.parametrize("suffix", [".conll", ".txt", ".iob2"])
def test_a_folder_of_conll_files_gives_the_entities_of_all(tmp_path: Path, suffix: str) -> None:
    folder = write_conll(tmp_path / "corpus", suffix)
    (folder / "README.md").write_text("# About\n")
    rows, _ = read(folder)
    found = [(Path(str(row["_file"])).with_suffix(".conll"), row["text"], row["spans"]) for row in rows]
    assert found == [(folder / name, text, spans) for name, text, spans in CONLL_ROWS]


def test_a_pattern_and_an_archive_of_conll_files_give_the_entities_of_all(tmp_path: Path) -> None:
    folder = write_conll(tmp_path / "corpus")
    for source in (f"{folder}/**/*.conll", make_archive(str(tmp_path / "corpus"), "zip", folder)):
        rows, _ = read(source)
        assert [(row["text"], row["spans"]) for row in rows] == [(text, spans) for _, text, spans in CONLL_ROWS]


def test_the_decisions_for_many_files_are_reported_when_they_are_read(tmp_path: Path) -> None:
    corpus = read_corpus(str(write_conll(tmp_path / "corpus")), PLAIN, Reporter()).corpus
    (decision,) = [each for each in corpus.decisions if each.subject == "entities"]
    assert decision.message.startswith("entities: from column 2 (2 files, the first is ")


def test_a_label_column_is_for_all_files_of_conll(tmp_path: Path) -> None:
    for name in ("a.conll", "b.conll"):
        (tmp_path / name).write_text("Ada B-NP B-PER\nleft B-VP O\n\nBo B-NP B-PER\nran B-VP O\n")
    rows, _ = read(tmp_path, ReadingOptions(label_column="2"))
    assert [len(row["spans"]) for row in rows] == [2, 2, 2, 2]  # type: ignore[arg-type]


def test_a_file_without_annotations_next_to_conll_is_an_error_and_no_text_without_entities(tmp_path: Path) -> None:
    folder = write_conll(tmp_path / "corpus")
    (folder / "notes.txt").write_text("just a line\n")
    with open_rows(f"{folder}/**/*", PLAIN, Reporter()) as opened:
        errors = [str(row.error) for row in opened.rows if row.error is not None]
    assert len(errors) == 1
    assert "notes.txt has no annotations, as other files have" in errors[0]
    with pytest.raises(ConfigError, match="is a folder of no known form"):
        read(folder)
