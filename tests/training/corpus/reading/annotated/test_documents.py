from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from glossator.service.errors import CorpusError, UnknownColumn
from glossator.training.corpus.reading.annotated.documents import is_annotated_document
from tests.training.corpus.reading.annotated.read_source import entities, finding_counts, read_source, reject_reasons


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
    corpus = read_source(write(tmp_path / "s.json.gz", {"version": "1", "data": [{"paragraphs": [paragraph]}]}))
    assert (corpus.task, corpus.texts, corpus.seconds) == ("question-answering", ["Who?", "Why?"], ["It Bob."] * 2)
    assert [[tuple(span) for span in spans] for spans in corpus.spans or ()] == [[(3, 6, "answer")], []]


def test_spacy_docbin(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    nlp = spacy.blank("en")
    doc = nlp("Anna lives in Łódź 😀 now")
    doc.ents = [doc.char_span(0, 4, label="PER"), doc.char_span(14, 18, label="LOC")]
    DocBin(docs=[doc, nlp("nothing here")]).to_disk(tmp_path / "docs.spacy")
    assert entities(read_source(tmp_path / "docs.spacy")) == [[("Anna", "PER"), ("Łódź", "LOC")], []]


def test_categories_of_a_docbin(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    docs = []
    for text, sport in (("a goal in the end", 1.0), ("soup of the day", 0.0), ("the race is over", 0.5)):
        doc = spacy.blank("en")(text)
        doc.cats = {"sport": sport, "food": 1 - sport}
        docs.append(doc)
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    assert read_source(tmp_path / "docs.spacy").labels == [("sport",), ("food",), ("food", "sport")]


V2_TOKENS = [("Ada", "U-PER"), ("met", "O"), ("New", "B-LOC"), ("York", "L-LOC"), (".", "O")]


def test_json_of_spacy_v2(tmp_path: Path) -> None:
    tokens = [{"orth": orth, "ner": tag} for orth, tag in V2_TOKENS]
    sentences = [{"tokens": tokens[:2]}, {"tokens": tokens[2:]}]
    unknown = [{"tokens": [{"orth": "Bo", "ner": "-"}]}]
    value = [{"id": 0, "paragraphs": [
        {"raw": "Ada met New York.", "sentences": sentences}, {"sentences": sentences}, {"sentences": unknown},
    ]}]  # fmt: skip
    corpus = read_source(write(tmp_path / "a.json", value))
    assert corpus.texts == ["Ada met New York.", "Ada met New York ."]
    assert entities(corpus) == [[("Ada", "PER"), ("New York", "LOC")]] * 2
    assert reject_reasons(corpus) == ["annotation-unreadable"]


def test_categories_of_spacy_v2(tmp_path: Path) -> None:
    cats = [{"label": "sport", "value": 1.0}, {"label": "food", "value": 0.0}]
    value = [{"id": 0, "paragraphs": [{"raw": "a goal", "sentences": [], "cats": cats}]}]
    tokens = [{"orth": "a"}, {"orth": "goal"}]
    value[0]["paragraphs"][0]["sentences"] = [{"tokens": tokens}]  # type: ignore[index]
    assert read_source(write(tmp_path / "a.json", value)).labels == [("sport",)]


def test_training_pairs_of_spacy(tmp_path: Path) -> None:
    pairs = [["Ada met Bo.", {"entities": [[0, 3, "PER"], [8, 10, "PER"]]}], ["Nothing here.", {"entities": []}]]
    assert entities(read_source(write(tmp_path / "a.json", pairs))) == [[("Ada", "PER"), ("Bo", "PER")], []]


SENTENCES = """<?xml version="1.0" encoding="UTF-8"?>
<sentences>
  <sentence id="1"><text>The food was great &amp; cheap.</text>
    <aspectTerms><aspectTerm term="food" polarity="positive" from="4" to="8"/></aspectTerms>
    <aspectCategories><aspectCategory category="food" polarity="positive"/>
      <aspectCategory category="price" polarity="positive"/></aspectCategories></sentence>
  <sentence id="2"><text>We came late.</text></sentence>
</sentences>"""


def test_aspects_of_sentences(tmp_path: Path) -> None:
    path = write(tmp_path / "train.xml", SENTENCES)
    corpus = read_source(path)
    assert corpus.texts == ["The food was great & cheap.", "We came late."]
    assert entities(corpus) == [[("food", "positive")], []]
    assert corpus.decisions[0].runner_up == "categories of sentences (2)"
    assert read_source(path, label_column="category").labels == [("food", "price"), ()]
    with pytest.raises(UnknownColumn, match="no such annotation"):
        read_source(path, label_column="mood")


def test_opinions_of_reviews(tmp_path: Path) -> None:
    opinions = (
        '<Opinion target="pizza" category="FOOD#QUALITY" polarity="negative" from="4" to="9"/>'
        '<Opinion target="NULL" category="SERVICE#GENERAL" polarity="positive" from="0" to="0"/>'
    )
    review = f'<sentence id="1:0"><text>The pizza was cold.</text><Opinions>{opinions}</Opinions></sentence>'
    corpus = read_source(
        write(tmp_path / "r.xml", f'<Reviews><Review rid="1"><sentences>{review}</sentences></Review></Reviews>')
    )
    assert entities(corpus) == [[("pizza", "negative")]]
    assert finding_counts(corpus)["annotations-left-out"] == 1
    assert corpus.extra["_document"] == ["1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<tei><p>text</p></tei>", "no known form of annotated XML"),
        ("<sentences><sentence>", "is not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><sentences/>', "declares a document type"),
    ],
)
def test_other_xml_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_source(write(tmp_path / "a.xml", content))


def test_a_file_that_is_no_docbin_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("spacy")
    with pytest.raises(CorpusError, match="not a spaCy DocBin"):
        read_source(write(tmp_path / "a.spacy", "xx"))


def test_tables_are_no_annotated_documents(tmp_path: Path) -> None:
    assert not is_annotated_document(write(tmp_path / "rows.json", [{"text": "a", "label": "x"}, 7]))
    assert not is_annotated_document(write(tmp_path / "pairs.json", [["a text", "x"]]))
    assert not is_annotated_document(write(tmp_path / "data.json", {"data": [{"text": "a", "label": "x"}]}))
    assert not is_annotated_document(write(tmp_path / "a.txt", "one\ntwo\n"))


def test_spans_next_to_labels_are_a_choice_and_relations_are_counted(tmp_path: Path) -> None:
    entity = {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3}
    relation = {"id": 2, "from_id": 1, "to_id": 1, "type": "knows"}
    rows = [
        {"text": "Ada met Bo.", "entities": [entity], "relations": [relation], "label": ["trip"]},
        {"text": "Cy left soon.", "entities": [], "relations": [], "label": ["home"]},
    ]
    path = write(tmp_path / "doccano.jsonl", "\n".join(map(json.dumps, rows)))
    corpus = read_source(path)
    assert entities(corpus) == [[("Ada", "PER")], []]
    assert finding_counts(corpus)["annotations-left-out"] == 1
    assert corpus.decisions[0].message == (
        "entities: column entities (it holds spans); runner-up: column label holds labels of the text; "
        "change with --label-column"
    )
    assert read_source(path, label_column="label").labels == [("trip",), ("home",)]
