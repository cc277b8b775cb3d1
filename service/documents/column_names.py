"""Names of columns that hold texts. Training and labelling detect text columns by the same lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

TEXT_COLUMNS = (
    "text", "sentence", "utterance", "body", "content", "message", "narrative", "document", "review", "comment",
    "question", "query", "description", "tweet", "input",
)  # fmt: skip
"""Names of the text column, in order of preference."""

PAIR_COLUMNS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_a", "sentence_b"),
    ("sentence_A", "sentence_B"),
    ("text", "text_pair"),
    ("text1", "text2"),
    ("question1", "question2"),
    ("query", "document"),
    ("first", "second"),
)
"""Names of the first and the second column of text pairs, in order of preference."""

QUESTION_COLUMN, CONTEXT_COLUMN = "question", "context"
"""Names of the columns of a question and of the text that it is answered from."""

DOCUMENT_COLUMN = "_document"
"""Name of the column with the document that a sentence is from: such rows belong together."""


def words_of(name: str) -> list[str]:
    """Return the words of a column name.

    >>> words_of("labelText"), words_of("Consumer complaint narrative"), words_of("text_1")
    (['label', 'text'], ['consumer', 'complaint', 'narrative'], ['text'])
    """
    separated = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word.casefold() for word in re.findall(r"[^\W\d_]+", separated)]


def columns_named(names: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[str, bool, list[str]]]:
    """Yield the columns that have a wanted name, the best match first: why they match, whether the whole name does, and
    the columns (several if it is not clear which one is meant)."""
    for how, exact, variants_of in (
        ("it is named", True, {name: [name.strip().casefold()] for name in names}),
        ("it is named", True, {name: [" ".join(words_of(name))] for name in names}),
        ("its name contains the word", False, {name: words_of(name) for name in names}),
    ):
        for word in wanted:
            found = [name for name in names if word in variants_of[name]]
            if found:
                yield f"{how} '{word}'", exact, found
