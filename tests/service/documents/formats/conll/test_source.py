from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.documents.formats.conll.source import ConllSource
from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import InputError, UnknownColumn

WORDS = ["Anna", "lives", "in", "New", "York", "City", "."]


def open_conll(tmp_path: Path, lines: list[str], name: str = "a.conll") -> ConllSource:
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = open_reader(tmp_path / name)
    assert isinstance(source, ConllSource)
    return source


def read(tmp_path: Path, lines: list[str], column: str | None = None) -> list[Record]:
    return list(open_conll(tmp_path, lines).annotated_records(column))


def entities(record: Record) -> list[tuple[str, str]]:
    text, spans = record.fields["text"], record.fields["spans"]
    assert isinstance(text, str)
    assert isinstance(spans, list)
    return [(text[span["start"] : span["end"]], span["label"]) for span in spans]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB2", ["B-PER", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O"]),
        ("IOB1", ["I-PER", "O", "O", "I-LOC", "I-LOC", "I-LOC", "O"]),
        ("BILOU", ["U-PER", "O", "O", "B-LOC", "I-LOC", "L-LOC", "O"]),
        ("BIOES", ["S-PER", "O", "O", "B-LOC", "I-LOC", "E-LOC", "O"]),
        ("BIOES", ["S-PER", "O", "O", "B-LOC", "M-LOC", "E-LOC", "O"]),
        ("IOB2", ["B_PER", "o", "o", "B_LOC", "I_LOC", "I_LOC", "o"]),
        ("tags without B- and I-", ["PER", "O", "O", "LOC", "LOC", "LOC", "O"]),
    ],
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_every_scheme_gives_the_same_entities(tmp_path: Path, scheme: str, tags: list[str], separator: str) -> None:
    lines = [f"{word}{separator}{tag}" for word, tag in zip(WORDS, tags, strict=True)]
    source = open_conll(tmp_path, [*lines, "", *lines, "\t", *lines])
    rows = list(source.annotated_records())
    assert scheme in source.details()
    assert [row.line for row in rows] == [1, 9, 17]
    assert rows[1].fields == {
        "text": "Anna lives in New York City .",
        "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 27, "label": "LOC"}],
    }


CONLL2003 = [
    "-DOCSTART- -X- -X- O", "", "Anna NNP I-NP B-PER", "visits VBZ I-VP O", "Oslo NNP I-NP B-LOC", "",
    "-DOCSTART- -X- -X- O", "", "He PRP I-NP O", "likes VBZ I-VP O", "New NNP I-NP B-LOC", "York NNP I-NP I-LOC", "",
]  # fmt: skip


def test_the_last_column_of_tags_has_the_entities_and_the_chunks_are_named(tmp_path: Path) -> None:
    source = open_conll(tmp_path, CONLL2003, "eng.train.txt")
    rows = list(source.annotated_records())
    assert [entities(row) for row in rows] == [[("Anna", "PER"), ("Oslo", "LOC")], [("New York", "LOC")]]
    (decision,) = source.decisions()
    assert (decision.chosen, decision.runner_up) == ("from column 4", "column 3 holds tags too")
    assert (decision.option, decision.guessed) == ("--label-column", False)


def test_a_column_is_chosen_by_its_number_or_refused(tmp_path: Path) -> None:
    rows = read(tmp_path, CONLL2003, "3")
    assert entities(rows[0]) == [("Anna", "NP"), ("visits", "VP"), ("Oslo", "NP")]
    with pytest.raises(UnknownColumn, match="no such column of tags"):
        read(tmp_path, CONLL2003, "5")
    with pytest.raises(InputError, match=r"column 2 of .* does not hold tags"):
        read(tmp_path, CONLL2003, "2")


def test_phrases_alone_are_a_guess(tmp_path: Path) -> None:
    source = open_conll(tmp_path, [" ".join(line.split()[:3]) for line in CONLL2003])
    list(source.annotated_records())
    assert source.decisions()[0].guessed
    assert "types of phrases" in source.decisions()[0].why


def test_documents_are_a_column(tmp_path: Path) -> None:
    assert [row.fields["_document"] for row in read(tmp_path, CONLL2003)] == ["1", "2"]
    named = ["# newdoc id = a", "x B-X", "y O", "", "z O", "", "# newdoc id = b", "x B-X", "y O", ""]
    assert [row.fields["_document"] for row in read(tmp_path, named)] == ["a", "a", "b"]
    medline = ["###MEDLINE:1", "", "x B-X", "y O", "", "###MEDLINE:2", "", "z O", "w O"]
    assert [row.fields["_document"] for row in read(tmp_path, medline)] == ["MEDLINE:1", "MEDLINE:2"]


def test_one_document_is_no_column(tmp_path: Path) -> None:
    assert "_document" not in read(tmp_path, CONLL2003[:6])[0].fields


def conllu(*words: tuple[str, str, str]) -> list[str]:
    return ["\t".join([index, form, "_", "X", "_", "_", "0", "dep", "_", misc]) for index, form, misc in words]


def test_entities_in_the_last_column_of_conllu(tmp_path: Path) -> None:
    lines = [
        "# sent_id = 1", "# text = Vámonos al Rin.",
        *conllu(("1-2", "Vámonos", "_"), ("1", "Vamos", "_"), ("2", "nos", "_"), ("3-4", "al", "_"), ("3", "a", "_"),
                ("4", "el", "_"), ("4.1", "gran", "_"), ("5", "Rin", "NER=B-LOC|SpaceAfter=No"), ("6", ".", "_")),
        "",
        *conllu(("1", "Nada", "_"), ("2", "Ana", "SpaceAfter=No|NER=B-PER"), ("3", ".", "_")),
    ]  # fmt: skip
    rows = read(tmp_path, lines)
    assert [row.fields["text"] for row in rows] == ["Vámonos al Rin.", "Nada Ana."]
    assert [entities(row) for row in rows] == [[("Rin", "LOC")], [("Ana", "PER")]]


def test_entities_in_an_eleventh_column_of_conllu(tmp_path: Path) -> None:
    lines = [f"{line}\t{tag}" for line, tag in zip(conllu(("1", "a", "_"), ("2", "b", "_")), ["B-X", "O"], strict=True)]
    assert entities(read(tmp_path, lines)[0]) == [("a", "X")]


def test_an_entity_of_a_word_inside_a_written_token_is_that_token(tmp_path: Path) -> None:
    lines = conllu(("1-2", "del", "_"), ("1", "de", "_"), ("2", "el", "NER=B-X"), ("3", "Rin", "NER=I-X"))
    assert entities(read(tmp_path, lines)[0]) == [("del Rin", "X")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["# a comment", "#tag B-X", "# O", "b O"], [("#tag", "X")]),  # a hash is a token if a tag follows
        (["B-PER\tAnna", "O\tleft"], [("Anna", "PER")]),  # tags first
        (["New York\tB-LOC", "is\tO", "big\tO"], [("New York", "LOC")]),  # tokens with spaces
        (["New York B-LOC", "is O", "big O", "now O"], [("New York", "LOC")]),
        (
            ["1\tOslo\tB-LOC\tO", "2\tFC\tI-LOC\tB-ORG", "3\tX\tO\tO", "4\tY\tB-ORG\tO"],
            [("Oslo FC", "LOC"), ("Y", "ORG")],
        ),
        (["token\ttag", "Anna\tB-PER", "left\tO"], [("Anna", "PER")]),
        (["Anna,B-PER", "left,O"], [("Anna", "PER")]),
        (["aspirin\tB", "acid\tI", "helps\tO"], [("aspirin acid", "ENTITY")]),
        (["Anna\tPER-B", "Lee\tPER-I", "left\tO"], [("Anna Lee", "PER")]),
        (["a\xa0b B-X", "\u3000 O", "c O"], [("a\xa0b", "X")]),  # only blanks and tabs separate
    ],
)
def test_forms_of_columns(tmp_path: Path, lines: list[str], expected: list[tuple[str, str]]) -> None:
    assert entities(read(tmp_path, [*lines, ""])[0]) == expected


def test_columns_with_names_are_chosen_by_name(tmp_path: Path) -> None:
    lines = ["token\tpos\tner", "Anna\tB-NP\tB-PER", "left\tB-VP\tO", ""]
    source = open_conll(tmp_path, lines)
    assert entities(next(source.annotated_records("pos"))) == [("Anna", "NP"), ("left", "VP")]


def test_a_bad_sentence_is_a_row_with_an_error_and_the_others_are_read(tmp_path: Path) -> None:
    good = ["a B-X", "b O", ""] * 20
    rows = read(tmp_path, [*good, "c NO_TAG", "d O", "", "lonely", ""])
    assert [row.error is None for row in rows] == [True] * 20 + [False] * 2
    assert "tag-outside-scheme" in str(rows[20].error)
    assert "missing-tag" in str(rows[21].error)


def test_a_token_that_is_not_in_the_raw_text_is_reported(tmp_path: Path) -> None:
    assert "token-not-in-text" in str(read(tmp_path, ["# text = a b", "a B-X", "c O"])[0].error)


def test_a_file_without_tags_is_refused_for_training_and_its_texts_are_read(tmp_path: Path) -> None:
    source = open_conll(tmp_path, ["a b", "c d", "", "e f"])
    with pytest.raises(InputError, match=r"no column of .*a\.conll holds tags"):
        source.annotated_records()
    assert [record.fields for record in source.records()] == [{"text": "a c"}, {"text": "e"}]


def test_the_texts_of_sentences_are_read_for_labelling(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("\n".join(CONLL2003))
    with open_reader(tmp_path / "dev.txt") as source:
        assert source.columns == ("text", "_document")
        assert [record.fields["text"] for record in source.records()] == ["Anna visits Oslo", "He likes New York"]


@pytest.mark.parametrize(
    "columns",
    [
        ["{sentence}", "{token}"],
        ["{token}"],
        ["doc-{sentence}", "{sentence}", "{token}"],
        ["notes/{sentence}.txt"],
    ],
)
def test_columns_of_numbers_and_of_names_of_sentences_are_no_tokens(tmp_path: Path, columns: list[str]) -> None:
    lines = []
    for sentence, words in enumerate((["Anna", "met", "Bo"], ["He", "left"], ["So", "did", "she"])):
        for token, word in enumerate(words):
            before = [column.format(sentence=sentence, token=token) for column in columns]
            lines.append("\t".join([*before, word, "B-PER" if word in ("Anna", "Bo") else "O"]))
        lines.append("")
    assert [record.fields["text"] for record in read(tmp_path, lines)] == ["Anna met Bo", "He left", "So did she"]


def test_a_wrong_tag_among_few_is_an_error_and_does_not_make_the_others_types(tmp_path: Path) -> None:
    records = read(tmp_path, ["Ada B-PER", "met O", "", "Bo Q-PER", "ran O", "", "Cy B-LOC", "is O"])
    assert [record.error is None for record in records] == [True, False, True]
    assert "'Q-PER' is not a tag" in str(records[1].error)
    assert entities(records[0]) == [("Ada", "PER")]
