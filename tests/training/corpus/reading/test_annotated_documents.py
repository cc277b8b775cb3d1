from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from glossator.service.errors import CorpusError, FileMissing
from glossator.training.corpus.reading.annotated_documents import is_annotated_document, read_annotated_documents


def write(path: Path, value: object) -> Path:
    data = value if isinstance(value, str) else json.dumps(value)
    path.write_bytes(gzip.compress(data.encode()) if path.suffix == ".gz" else data.encode())
    return path


def test_squad(tmp_path: Path) -> None:
    answers = [{"text": "Bob", "answer_start": 3}]
    paragraph = {
        "context": "It Bob.",
        "qas": [{"id": "1", "question": "Who?", "answers": answers}, {"id": "2", "question": "Why?", "answers": []}],
    }
    rows, described = read_annotated_documents(write(tmp_path / "s.json.gz", {"data": [{"paragraphs": [paragraph]}]}))
    assert "SQuAD" in described
    assert [row.fields for row in rows] == [
        {"question": "Who?", "context": "It Bob.", "answers": [{"start": 3, "text": "Bob"}]},
        {"question": "Why?", "context": "It Bob.", "answers": []},
    ]


def test_label_studio(tmp_path: Path) -> None:
    region = {"type": "labels", "value": {"start": 3, "end": 6, "text": "Bob", "labels": ["PER"]}}
    tasks = [
        {"data": {"text": "It Bob."}, "annotations": [{"result": [region]}]},
        {"data": {"text": "fine"}, "annotations": [{"result": [{"value": {"choices": ["good"]}}]}]},
        {"data": {"text": "skipped"}, "annotations": [{"was_cancelled": True, "result": []}]},
    ]
    rows, described = read_annotated_documents(write(tmp_path / "tasks.json", tasks))
    assert "Label Studio" in described
    assert rows[0].fields == {"text": "It Bob.", "spans": [{"start": 3, "end": 6, "label": "PER"}]}
    assert rows[1].fields == {"text": "fine", "label": ["good"]}
    assert "no annotation" in str(rows[2].error)


def test_spacy_docbin(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    nlp = spacy.blank("en")
    doc = nlp("Anna lives in Łódź 😀 now")
    doc.ents = [doc.char_span(0, 4, label="PER"), doc.char_span(14, 18, label="LOC")]
    DocBin(docs=[doc, nlp("nothing")]).to_disk(tmp_path / "docs.spacy")
    rows, described = read_annotated_documents(tmp_path / "docs.spacy")
    assert "DocBin" in described
    assert rows[0].fields == {
        "text": doc.text,
        "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 18, "label": "LOC"}],
    }
    assert rows[1].fields == {"text": "nothing", "spans": []}


def test_an_array_of_rows_is_not_an_annotated_document(tmp_path: Path) -> None:
    assert not is_annotated_document(write(tmp_path / "rows.json", [{"text": "a", "label": "x"}, 7]))
    assert not is_annotated_document(
        write(tmp_path / "rows.json.gz", [{"text": '{"data": 1, "annotations": 2}', "label": "x"}])
    )
    assert is_annotated_document(write(tmp_path / "tasks.json", [{"id": 1, "annotations": [], "data": {"text": "a"}}]))


def test_one_folder_per_label(tmp_path: Path) -> None:
    for label, name, text in (
        ("sport", "b.txt", "goal"),
        ("sport", "a.txt", "\ufeffrace\r\n"),
        ("food", "c.txt", "soup"),
    ):
        (tmp_path / "topics" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "topics" / label / name).write_bytes(text.encode())
    (tmp_path / "topics/food/d.txt").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "topics/README.md").write_text("not a row")
    assert is_annotated_document(tmp_path / "topics")
    rows, described = read_annotated_documents(tmp_path / "topics")
    assert described.endswith("topics: one folder per label")
    assert [dict(row.fields) for row in rows if row.error is None] == [
        {"text": "soup", "label": "food", "file": "food/c.txt"},
        {"text": "race\r\n", "label": "sport", "file": "sport/a.txt"},
        {"text": "goal", "label": "sport", "file": "sport/b.txt"},
    ]
    assert "food/d.txt cannot be read as UTF-8" in str(rows[1].error)
    (tmp_path / "empty").mkdir()
    assert not is_annotated_document(tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "known"), [("a.conll", True), ("a.IOB2.gz", True), ("a.json", True), ("a.csv", False)]
)
def test_documents_are_recognised_by_their_names(name: str, known: bool) -> None:
    assert is_annotated_document(Path(name)) == known


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"a": 1}', "no known format"),
        ("a.spacy", "xx", "not a spaCy DocBin"),
    ],
)
def test_other_content_is_rejected(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_annotated_documents(write(tmp_path / name, content))


def test_files_that_are_missing_or_not_utf8_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_bytes(b"\xff\xfe")
    with pytest.raises(CorpusError, match="not UTF-8"):
        read_annotated_documents(tmp_path / "a.conll")
    with pytest.raises(FileMissing):
        read_annotated_documents(tmp_path / "b.conll")
