"""Finds and reads columns that hold the tokens of a text and one tag for each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glossator.service.documents.decision import Decision
from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import CorpusError
from glossator.service.tasks.tag_schemes import find_spelling
from glossator.training.corpus.reading.labels.cell_values import as_list, as_whole_number
from glossator.training.corpus.reading.labels.label_forms import LabelNames
from glossator.training.corpus.row import RowFault, shown

TOKEN_COLUMNS = ("tokens", "words", "token", "word", "text", "sentence")
"""Names of columns of tokens, in order of preference."""
TAG_COLUMNS = ("tags", "ner_tags", "ner", "bio_tags", "iob_tags", "entities", "slots", "labels", "label")
"""Names of columns that hold one tag per token, in order of preference."""
IGNORED_TAG = -100
"""The number by which programs for training mark tokens without a tag."""

_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class TokenColumns:
    """The columns of tokens and tags, and other columns that hold a tag per token."""

    tokens: str
    tags: str
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The names of tags that are numbers."""

    def decision(self, origin: str) -> Decision:
        """How the columns were chosen, for the user."""
        why = f"one tag for each member of column {self.tokens}" + (f"; names from {origin}" if self.names else "")
        return Decision("entities", f"column {self.tags}", why, ", ".join(self.others), "--label-column")

    def read(self, fields: Mapping[str, object]) -> tuple[list[str], list[str]]:
        """The tokens and the tags of a row; raises RowFault."""
        tokens, tags = as_list(fields.get(self.tokens)), as_list(fields.get(self.tags))
        if tokens is None:
            raise RowFault("missing-tokens", f"{self.tokens} is not a list: {shown(fields.get(self.tokens))}")
        if tags is None:
            raise RowFault("missing-tags", f"{self.tags} is not a list: {shown(fields.get(self.tags))}")
        if len(tokens) != len(tags):
            raise RowFault("tag-count", f"{len(tags)} tags for {len(tokens)} tokens")
        words, names = [], []
        for token, tag in zip(tokens, tags, strict=True):
            if not isinstance(token, str):
                raise RowFault("token-not-a-string", f"a token is not text: {shown(token)}")
            name = self._tag(tag, token)
            if token.strip():
                words.append(token)
                names.append(name)
            elif name != "O":
                raise RowFault("blank-token", f"a blank token has the tag {name}")
        return words, names

    def _tag(self, tag: object, token: str) -> str:
        number = as_whole_number(tag) if self.names else None
        if number is None:
            if not isinstance(tag, str):
                raise RowFault("missing-tag", f"'{shown(token)}' has no tag: {shown(tag)}")
            return tag
        if number == IGNORED_TAG:
            raise RowFault("missing-tag", f"'{shown(token)}' has the tag -100, which marks tokens without a tag")
        if not 0 <= number < len(self.names):
            raise RowFault(
                "unknown-tag-number", f"the tag is {number}, but there are names for 0 to {len(self.names) - 1}"
            )
        return self.names[number]


def find_token_columns(
    fields: Sequence[Mapping[str, object]], *, tokens: str | None = None, tags: str | None = None
) -> TokenColumns | None:
    """The columns of tokens and tags in the first rows, or None if there are none.

    Tags are IOB tags, or numbers next to tokens under a known name. A given name counts, whatever it holds.
    """
    lists = _list_columns(fields)
    words = [name for name, cells in lists.items() if _are_words(cells)]
    named = [name for name in TOKEN_COLUMNS if name in words]
    for candidate in [tokens] if tokens is not None else [*named, *(name for name in words if name not in named)]:
        if candidate not in lists:
            continue
        known = candidate in named or tokens is not None
        parallel = [
            name
            for name, cells in lists.items()
            if name != candidate
            and _are_parallel(lists[candidate], cells)
            and (name == tags or _are_tags(name, cells, known))
        ]
        ordered = [name for name in TAG_COLUMNS if name in parallel]
        ordered += [name for name in parallel if name not in ordered and _are_iob(lists[name])]
        ordered += [name for name in parallel if name not in ordered]
        if tags is not None and tags in ordered:
            ordered = [tags, *(name for name in ordered if name != tags)]
        elif tags is not None:
            continue
        if ordered:
            return TokenColumns(candidate, ordered[0], tuple(ordered[1:]))
    return None


def name_tags(
    columns: TokenColumns, fields: Sequence[Mapping[str, object]], label_names: LabelNames
) -> tuple[TokenColumns, str]:
    """The columns with the names of tags that are numbers, and where the names are from.

    Raises CorpusError if tags are numbers and their names are not known.
    """
    tags = [tag for row in fields for tag in as_list(row.get(columns.tags)) or ()]
    numbers = [number for tag in tags if (number := as_whole_number(tag)) is not None]
    if len(numbers) < _SHARE * len(tags) or not numbers:
        return columns, ""
    names, origin = label_names.of(columns.tags)
    if max(numbers) >= len(names):
        more = f"; {origin} has {len(names)} names" if names else ""
        raise CorpusError(
            f"column {columns.tags} holds numbers of tags, but the names of the tags are not known",
            found=f"numbers from {min(numbers)} to {max(numbers)}{more}",
            expected=f"{max(numbers) + 1} names; the first is for number 0, mostly O",
            hint="Name them in this order: --label-names O,B-PER,I-PER, or --label-names FILE with one name per line.",
        )
    return TokenColumns(columns.tokens, columns.tags, columns.others, names), origin


def _list_columns(fields: Sequence[Mapping[str, object]]) -> dict[str, list[list[object] | None]]:
    """The columns that hold lists in nearly all rows, with the list of each row."""
    found = {}
    for name in dict.fromkeys(name for row in fields for name in row):
        cells = [as_list(row.get(name)) for row in fields]
        present = sum(not is_missing(row.get(name)) for row in fields)
        if any(cells) and sum(cell is not None for cell in cells) >= _SHARE * present:
            found[name] = cells
    return found


def _are_words(cells: Sequence[list[object] | None]) -> bool:
    members = [member for cell in cells for member in cell or ()]
    words = [member for member in members if isinstance(member, str) and not re.search(r"\S\s+\S", member)]
    return bool(members) and len(words) >= _SHARE * len(members) and not _are_iob(cells)


def _are_parallel(tokens: Sequence[list[object] | None], tags: Sequence[list[object] | None]) -> bool:
    pairs = [(one, other) for one, other in zip(tokens, tags, strict=True) if one is not None and other is not None]
    return bool(pairs) and sum(len(one) == len(other) for one, other in pairs) >= _SHARE * len(pairs)


def _are_tags(name: str, cells: Sequence[list[object] | None], known_tokens: bool) -> bool:
    """True for IOB tags; next to tokens under a known name also for numbers, and for strings under a known name."""
    members = [member for cell in cells for member in cell or ()]
    if _are_iob(cells):
        return True
    if not known_tokens or not members:
        return False
    numbers = sum(as_whole_number(member) is not None for member in members)
    texts = sum(isinstance(member, str) for member in members)
    return numbers >= _SHARE * len(members) or (name in TAG_COLUMNS and texts >= _SHARE * len(members))


def _are_iob(cells: Sequence[list[object] | None]) -> bool:
    """True if nearly all members are tags of a scheme such as IOB2, and one of them is not `O`."""
    members = [member for cell in cells for member in cell or ()]
    tags = [member for member in members if isinstance(member, str)]
    spelling = find_spelling(tags) if len(tags) >= _SHARE * len(members) else None
    return spelling is not None and spelling.kind != "bare"
