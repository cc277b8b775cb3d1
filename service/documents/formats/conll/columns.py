"""Chooses the columns of tokens and of entity tags in a CoNLL file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.conll.sentences import INDEX, Sentences
from glossator.service.errors import InputError, UnknownColumn
from glossator.service.tasks.tag_schemes import ONLY_TYPE, TagSpelling, find_spelling

_CHUNKS = frozenset({"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NX", "VX", "PX"})
"""The types of phrases (Tjong Kim Sang and Buchholz 2000)."""
_MISC_KEYS = ("NER", "NE", "Entity", "ner", "ne", "entity")
_MISC_COLUMN = 9


@dataclass(frozen=True, slots=True)
class TagColumn:
    """A column of tags, or a key of CoNLL-U's column MISC."""

    place: int
    spelling: TagSpelling
    key: str = ""

    def tag(self, row: Sequence[str]) -> str | None:
        """Return the canonical tag of a token; None if its line has no such column."""
        if len(row) <= self.place:
            return None
        return self.spelling.canonical(misc_value(row[self.place], self.key) if self.key else row[self.place])


@dataclass(frozen=True, slots=True)
class ConllColumns:
    """Where tokens and tags are; `tags` is None if the file has no column of tags."""

    token: int
    tags: TagColumn | None
    decisions: tuple[Decision, ...] = ()


def misc_value(cell: str, key: str) -> str:
    """Return the value of a key in a cell such as `NER=B-PER|SpaceAfter=No`; `O` if it lacks the key."""
    return next((part.partition("=")[2] for part in cell.split("|") if part.partition("=")[0] == key), "O")


def choose_columns(found: Sentences, name: str, *, wanted: str | None = None) -> ConllColumns:
    """Return the columns of a file; `wanted` is the 1-based number or the name of the tag column.

    Raises UnknownColumn if there is no such column, InputError if it does not hold tags.
    """
    candidates = _tag_columns(found)
    chosen = _wanted(found, candidates, name, wanted) if wanted is not None else _best(found, candidates)
    token = _token_column(found, {each.place for each in candidates if not each.key})
    if chosen is None:
        return ConllColumns(token, None)
    return ConllColumns(token, chosen, (_decision(found, chosen, candidates, given=wanted is not None),))


def no_tags_error(name: str, found: Sentences) -> InputError:
    """Return the error for a file without a column of tags."""
    return InputError(
        f"no column of {name} holds tags",
        found=f"{found.width} column{'s' * (found.width != 1)}",
        expected="one token per line with a tag: O, B-TYPE, I-TYPE (or those of IOB1, BILOU, BIOES, BMES)",
        hint="Separate token and tag by a tab or spaces, and sentences by an empty line. If a column holds tags, give "
        "its number: --label-column 2.",
    )


def _tag_columns(found: Sentences) -> list[TagColumn]:
    columns = []
    for place in range(found.width):
        values = _values(found, place)
        spelling = find_spelling(values) if not all(map(INDEX.fullmatch, values)) else None
        if spelling is not None and not (spelling.kind == "bare" and place == 0):
            columns.append(TagColumn(place, spelling))
    if found.names[_MISC_COLUMN : _MISC_COLUMN + 1] == ("MISC",) or found.width > _MISC_COLUMN:
        cells = _values(found, _MISC_COLUMN)
        for key in _MISC_KEYS:
            spelling = find_spelling([misc_value(cell, key) for cell in cells])
            if spelling is not None:
                columns.append(TagColumn(_MISC_COLUMN, spelling, key))
    return columns


def _values(found: Sentences, place: int) -> list[str]:
    return [row[place] for each in found.sentences for row in each.rows if len(row) > place]


def _best(found: Sentences, candidates: Sequence[TagColumn]) -> TagColumn | None:
    """Return the last column of tags that are no phrases and not bare; of nested entities, the outer ones."""
    with_letters = [each for each in candidates if each.spelling.kind != "bare"] or list(candidates)
    entities = [each for each in with_letters if not _holds_chunks(found, each)] or with_letters
    if not entities:
        return None
    best = entities[-1]
    types = _types(found, best)
    for other in entities[:-1]:
        theirs = _types(found, other)
        if set(types) <= set(theirs) and sum(types.values()) < sum(theirs.values()) / 2:
            return other
    return best


def _types(found: Sentences, column: TagColumn) -> Counter[str]:
    tags = (column.tag(row) for each in found.sentences for row in each.rows)
    return Counter(tag[2:] for tag in tags if tag and tag != "O")


def _holds_chunks(found: Sentences, column: TagColumn) -> bool:
    types = _types(found, column)
    return sum(types[name] for name in _CHUNKS) > 0.9 * sum(types.values())


def _wanted(found: Sentences, candidates: Sequence[TagColumn], name: str, wanted: str) -> TagColumn:
    by_key = next((each for each in candidates if each.key == wanted), None)
    if by_key is not None:
        return by_key
    if wanted in found.names:
        place = found.names.index(wanted)
    elif re.fullmatch(r"[1-9]\d{0,3}", wanted) and int(wanted) <= found.width:
        place = int(wanted) - 1
    else:
        names = f", or one of {', '.join(found.names)}" if found.names else ""
        raise UnknownColumn(
            f"{name} has no such column of tags",
            found=wanted,
            expected=f"a number from 1 to {found.width}{names}",
            hint="Give the number of the column with the entities: --label-column 4.",
        )
    spelling = next((each.spelling for each in candidates if each.place == place and not each.key), None)
    values = _values(found, place)
    spelling = spelling or find_spelling(values) or _as_bare(values)
    if spelling is None:
        seen = ", ".join(list(dict.fromkeys(values))[:5])
        raise InputError(
            f"column {place + 1} of {name} does not hold tags",
            found=seen,
            expected="O and B-TYPE, I-TYPE, or O and types",
            hint="Give the number of the column with the entities.",
        )
    return TagColumn(place, spelling)


def _as_bare(values: Sequence[str]) -> TagSpelling | None:
    """Return the spelling of a column that the user named and that has `O` and names of types."""
    return TagSpelling("bare") if {"O", "o"} & set(values) and set(values) - {"O", "o"} else None


def _token_column(found: Sentences, tags: set[int]) -> int:
    """Return the place of the first column that holds neither tags nor numbers or names of tokens and sentences."""
    if "FORM" in found.names:
        return found.names.index("FORM")
    others = [place for place in range(found.width) if place not in tags]
    words = (place for place in others if not all(map(INDEX.fullmatch, _values(found, place))))
    candidates = list(words) or others
    return next((place for place in candidates if not _names_sentences(found, place)), (candidates or [0])[0])


def _names_sentences(found: Sentences, place: int) -> bool:
    """Whether a column has one value in each of several sentences, as the names of sentences and documents."""
    cells = [{row[place] for row in each.rows if len(row) > place} for each in found.sentences if len(each.rows) > 1]
    return len(cells) > 1 and all(len(values) == 1 for values in cells)


def _decision(found: Sentences, chosen: TagColumn, candidates: Sequence[TagColumn], *, given: bool) -> Decision:
    others = [
        each for each in candidates if each is not chosen and (each.place, each.key) != (chosen.place, chosen.key)
    ]
    types = _types(found, chosen)
    why = f"its tags are of {', '.join(sorted(types)[:6])}{', ...' if len(types) > 6 else ''}"
    if chosen.spelling.kind == "bare":
        why += "; tags without B- and I-: neighbouring entities of one type count as one"
    if chosen.spelling.kind == "letters":
        why = f"its tags are letters without a type; the type is called {ONLY_TYPE}"
    guessed = not given and _holds_chunks(found, chosen)
    if guessed:
        why += ", which are types of phrases, not of entities"
    return Decision(
        "entities",
        f"from {_place(found, chosen)}",
        "as given" if given else why,
        "; ".join(f"{_place(found, each)} holds tags too" for each in others),
        "--label-column",
        guessed,
    )


def _place(found: Sentences, column: TagColumn) -> str:
    if column.key:
        return f"{column.key}= in column {column.place + 1}"
    name = found.names[column.place] if column.place < len(found.names) else ""
    return f"column {column.place + 1}{f' ({name})' if name else ''}"
