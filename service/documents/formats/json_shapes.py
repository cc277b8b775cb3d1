"""Finds the rows in a JSON value: records under some key, the orientations of pandas, splits, lists of cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glossator.service.documents.column_names import PAIR_COLUMNS, TEXT_COLUMNS
from glossator.service.documents.decision import Decision
from glossator.service.documents.formats.tables.table_header import default_names, name_columns, weigh_header
from glossator.service.documents.formats.utterances import read_utterances
from glossator.service.documents.split_names import choose_split, split_decisions, split_of_name
from glossator.service.errors import ConfigError, InputError, shorten

SPLIT_COLUMN = "_split"
"""The column with the split of a row, if all splits of a file are read."""
_MAX_DEPTH = 6
_SHOWN = 8
_SHOWN_ROWS = 1_000
_SUBJECT = "JSON"
_KNOWN = frozenset([*TEXT_COLUMNS, *(name for pair in PAIR_COLUMNS for name in pair), "label", "labels"])


@dataclass(slots=True)
class ShapedRows:
    """The rows of a JSON value. An item that is no object stays as it is: its row is an error."""

    rows: list[Any]
    decisions: list[Decision] = field(default_factory=list)
    may_have_header: bool = False
    """Whether the rows are lists of cells, of which the first may have the names of the columns."""


def find_rows(
    value: Any,
    name: str,
    *,
    split: str | None = None,
    preferred_split: str | None = None,
    header: bool | None = None,
) -> ShapedRows:
    """Return the rows in a JSON value.

    Args:
        value: The parsed file.
        name: The name of the file, for messages.
        split: The split to read, if the file has several.
        preferred_split: The purpose of the rows, which chooses a split (`split_names.choose_split`). None: the rows of
            all splits, with their split in SPLIT_COLUMN.
        header: Whether the first of several lists of cells has the names of the columns. None: its content decides.

    Raises:
        InputError: There are no rows, or several lists could hold them.
        ConfigError: There is no such split.
    """
    if isinstance(value, Mapping):
        splits = _splits(value)
        if splits:
            return _read_splits(splits, name, split, preferred_split, header)
        if split is not None:
            raise ConfigError(f"{name} has no splits", found=_describe(value), hint="Leave --dataset-split out.")
    found = _list_rows(value, name, header) if isinstance(value, list) else _object_rows(value, name, header)
    if found is None:
        raise InputError(
            f"{name} has no rows in a form that can be read",
            found=_describe(value),
            expected='a list of objects such as [{"text": "..."}], such a list under one key, or JSON Lines',
            hint="Write the rows as one list of objects, or as one object per line (.jsonl).",
        )
    return found


def _list_rows(value: Sequence[Any], name: str, header: bool | None) -> ShapedRows | None:
    if any(isinstance(each, Mapping) for each in value):
        return ShapedRows(list(value))
    if value and all(isinstance(each, list) for each in value):
        return _cell_rows(value, name, header)
    if value and all(isinstance(each, str) for each in value):
        return ShapedRows([{"text": each} for each in value], [Decision(_SUBJECT, "texts", "a list of strings")])
    return ShapedRows([]) if not value else None


def _cell_rows(rows: Sequence[Sequence[Any]], name: str, header: bool | None) -> ShapedRows | None:
    """Lists of cells; the first one is the header if it looks like one."""
    width = len(rows[0])
    if not width or any(len(row) != width for row in rows):
        return None
    texts = [[cell if isinstance(cell, str) else str(cell) for cell in row] for row in rows[:500]]
    why = "as named"
    if header is None:
        evidence = weigh_header(texts)
        header = bool(evidence.for_header) and evidence.is_header and all(isinstance(cell, str) for cell in rows[0])
        why = evidence.for_header if header else evidence.for_data or "the first list does not look like a header"
    columns = name_columns(texts[0], name) if header else default_names(width)
    chosen = f"lists of {_cells(width)}, {'the first one is the header' if header else 'no header'}"
    option = "--no-header" if header else "--header"
    return ShapedRows(
        [dict(zip(columns, row, strict=True)) for row in (rows[1:] if header else rows)],
        [Decision(_SUBJECT, chosen, why, "", option)],
        may_have_header=True,
    )


def _cells(width: int) -> str:
    return "one cell" if width == 1 else f"{width} cells"


def _object_rows(value: Any, name: str, header: bool | None) -> ShapedRows | None:
    if not isinstance(value, Mapping) or not value:
        return None
    oriented = _pandas_rows(value, name)
    if oriented is not None:
        return oriented
    utterances = read_utterances(value)
    if utterances is not None:
        intents = ", ".join(dict.fromkeys(shorten(row["label"], 40) for row in utterances[:_SHOWN_ROWS]))
        why = f"the keys are intents: {shorten(intents, 100)}; a text is a list of pieces"
        return ShapedRows(utterances, [Decision(_SUBJECT, "utterances by intent", why)])
    if all(isinstance(each, list) and not _has_objects(each) for each in value.values()):
        only = next(iter(value.items())) if len(value) == 1 else None
        if only is not None and only[1] and all(isinstance(row, list) for row in only[1]):
            shaped = _cell_rows(only[1], name, header)
            return shaped and _add(shaped, f"the list at {shorten(str(only[0]), 80)}", "the only list")
        return _column_lists(value, name)
    if all(isinstance(each, Mapping) for each in value.values()):
        nested = _nested_objects(value, name)
        if nested is not None:
            return nested
    lists = list(_lists_of_objects(value))
    has_text = any(isinstance(value.get(column), str) for column in TEXT_COLUMNS)
    if has_text and not any(_known_names(row) for _, rows in lists for row in rows[:1]):
        return ShapedRows([value], [Decision(_SUBJECT, "one row", "the file is one object with a text")])
    if len(lists) == 1:
        path, rows = lists[0]
        return ShapedRows(list(rows), [Decision(_SUBJECT, f"the list at {path}", "the only list of objects")])
    if lists:
        lists.sort(key=lambda found: -len(found[1]))
        with_texts = [(path, rows) for path, rows in lists if _known_names(rows[0])]
        if len(with_texts) == 1:
            path, rows = with_texts[0]
            others = ", ".join(f"{other} ({_count(found)})" for other, found in lists[:_SHOWN] if other != path)
            why = "the only list of objects with a usual column of texts"
            return ShapedRows(list(rows), [Decision(_SUBJECT, f"the list at {path}", why, others)])
        shown = ", ".join(f"{path} ({_count(rows)})" for path, rows in lists[:_SHOWN])
        raise InputError(
            f"{name} has several lists of objects",
            found=shown,
            expected="one list",
            hint="Write the one with the rows into a file of its own.",
        )
    return None


def _pandas_rows(value: Mapping[str, Any], name: str) -> ShapedRows | None:
    """The rows of the orientations `split` and `table`, or None."""
    columns, data, schema = value.get("columns"), value.get("data"), value.get("schema")
    if not isinstance(data, list):
        return None
    if isinstance(columns, list) and all(isinstance(row, list) and len(row) == len(columns) for row in data):
        names = name_columns([str(column) for column in columns], name)
        rows = [dict(zip(names, row, strict=True)) for row in data]
        return ShapedRows(rows, [Decision(_SUBJECT, "columns and data", 'as pandas writes it with orient="split"')])
    if isinstance(schema, Mapping) and isinstance(schema.get("fields"), list) and _has_objects(data):
        return ShapedRows(list(data), [Decision(_SUBJECT, "data", 'as pandas writes it with orient="table"')])
    return None


def _known_names(row: Any) -> bool:
    """Whether an object has a usual column of a text."""
    return isinstance(row, Mapping) and any(str(key).casefold() in TEXT_COLUMNS for key in row)


def _count(rows: Sequence[Any]) -> str:
    return "1 object" if len(rows) == 1 else f"{len(rows):,} objects"


def _column_lists(value: Mapping[str, Any], name: str) -> ShapedRows | None:
    lengths = {key: len(each) for key, each in value.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"the columns of {name} have different lengths",
            found=", ".join(f"{shorten(key, 40)}: {length:,}" for key, length in list(lengths.items())[:_SHOWN]),
            expected="one value per row in each list",
            hint="If the keys are labels, write one object with a text and its label per line (.jsonl).",
        )
    rows = [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    return ShapedRows(rows, [Decision(_SUBJECT, "one list per column", "every key holds a list of the same length")])


def _nested_objects(value: Mapping[str, Mapping[str, Any]], name: str) -> ShapedRows | None:
    """Objects in an object: one per row (`{"0": {"text": ...}}`), or one per column (`{"text": {"0": ...}}`)."""
    inner = list(next(iter(value.values())))
    if not inner or any(list(each) != inner for each in value.values()):
        return None
    if any(
        isinstance(cell, (list, Mapping)) and _has_objects(cell) for each in value.values() for cell in each.values()
    ):
        return None
    by_row, by_column = not _KNOWN.isdisjoint(inner), not _KNOWN.isdisjoint(value)
    if by_row == by_column:
        by_row, by_column = _are_numbers(value), _are_numbers(inner)
    if by_row == by_column:
        raise InputError(
            f"{name} holds objects in an object: they could be rows or columns",
            found=f"{_describe(value)}; inside of them {_describe(value[next(iter(value))])}",
            expected='a list of objects such as [{"text": "..."}]',
            hint="Write the rows as one list of objects, or as one object per line (.jsonl).",
        )
    if by_row:
        return ShapedRows([dict(each) for each in value.values()], [Decision(_SUBJECT, "one object per row", "by key")])
    rows = [{column: cells[key] for column, cells in value.items()} for key in inner]
    return ShapedRows(rows, [Decision(_SUBJECT, "one object per column", "their keys are the rows")])


def _are_numbers(keys: Any) -> bool:
    return all(str(key).isdecimal() for key in keys)


def _has_objects(value: Any) -> bool:
    return any(isinstance(each, Mapping) for each in (value.values() if isinstance(value, Mapping) else value))


def _lists_of_objects(value: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, Sequence[Any]]]:
    """The lists of objects below an object, with their paths; lists inside of lists belong to a row."""
    for key, each in value.items():
        place = f"{path}.{key}" if path else str(key)
        if isinstance(each, list) and each and _has_objects(each):
            yield shorten(place, 80), each
        elif isinstance(each, Mapping) and depth < _MAX_DEPTH:
            yield from _lists_of_objects(each, place, depth + 1)


def _splits(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The splits of a file: every list is under the name of a split. Empty if it has none."""
    lists = {key: each for key, each in value.items() if isinstance(each, list)}
    named = [key for key in lists if split_of_name(key) is not None]
    return lists if lists and len(named) == len(lists) else {}


def _read_splits(
    splits: Mapping[str, list[Any]], name: str, split: str | None, preferred_split: str | None, header: bool | None
) -> ShapedRows:
    names = list(splits)
    if split is None and preferred_split is None:
        read = {each: _read_split(splits[each], name, each, header) for each in names}
        rows = [
            {**row, SPLIT_COLUMN: each} if isinstance(row, Mapping) else row
            for each, shaped in read.items()
            for row in shaped.rows
        ]
        decisions = [Decision("split", "all", f"the file has {', '.join(names)}; {SPLIT_COLUMN} names that of a row")]
        may_have_header = any(shaped.may_have_header for shaped in read.values())
        first = next(iter(read.values()))
        return ShapedRows(rows, (decisions if len(names) > 1 else []) + first.decisions, may_have_header)
    chosen = split or choose_split(names, preferred_split or "train")
    if chosen is None or chosen not in splits:
        raise ConfigError(
            f"{name} has no such split",
            found=f"split '{split}'" if split else f"no split for {preferred_split}",
            expected=f"one of {', '.join(names)}",
            hint="Name one with --dataset-split.",
        )
    shaped = _read_split(splits[chosen], name, chosen, header)
    decisions = [] if split else split_decisions(names, chosen, preferred_split or "train")
    return ShapedRows(shaped.rows, [*decisions, *shaped.decisions], shaped.may_have_header)


def _read_split(value: list[Any], name: str, split: str, header: bool | None) -> ShapedRows:
    shaped = _list_rows(value, name, header)
    if shaped is None:
        raise InputError(
            f"the split '{split}' of {name} has no rows in a form that can be read",
            found=_describe(value),
            expected="a list of objects, or of lists with the same number of cells",
        )
    return shaped


def _add(shaped: ShapedRows, chosen: str, why: str) -> ShapedRows:
    return ShapedRows(shaped.rows, [Decision(_SUBJECT, chosen, why), *shaped.decisions], shaped.may_have_header)


def _describe(value: Any) -> str:
    """What a value looks like, in words."""
    if isinstance(value, Mapping):
        keys = ", ".join(shorten(str(key), 40) for key in list(value)[:_SHOWN])
        more = f" and {len(value) - _SHOWN:,} more" if len(value) > _SHOWN else ""
        return f"an object with the keys {keys}{more}" if value else "an empty object"
    if isinstance(value, list):
        kinds = sorted({_kind(each) for each in value[:1_000]})
        return f"a list of {' and '.join(kinds)}" if value else "an empty list"
    return _kind(value)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "booleans"
    names = ((str, "strings"), ((int, float), "numbers"), (list, "lists"), (Mapping, "objects"))
    return next(name for kind, name in names if isinstance(value, kind))
