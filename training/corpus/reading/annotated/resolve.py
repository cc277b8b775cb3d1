"""Turns the rows of annotation tools into columns of texts, labels and spans; other rows pass through unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice

from glossator.training.corpus.reading.annotated.label_studio import is_task, read_tasks
from glossator.training.corpus.reading.annotated.label_studio_rows import is_exported_row, read_exported_rows
from glossator.training.corpus.reading.annotated.prodigy import is_prodigy_row, read_prodigy_rows
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions
from glossator.training.corpus.row import Row

_HEAD_ROWS = 200

_Reader = Callable[[Sequence[Row], AnnotationOptions], AnnotatedRows]


def resolve_annotations(rows: Iterable[Row], options: AnnotationOptions) -> AnnotatedRows:
    """The rows with their annotations as columns.

    The format is recognised from the first rows. The rows of an annotation tool are read into memory: several of them
    can belong to one text.
    """
    stream = iter(rows)
    head = list(islice(stream, _HEAD_ROWS))
    reader = _find_reader(head)
    if reader is None:
        return AnnotatedRows(chain(head, stream))
    return reader([*head, *stream], options)


def _find_reader(head: Sequence[Row]) -> _Reader | None:
    fields = [row.fields for row in head if row.error is None]
    if any(map(is_task, fields)):
        return read_tasks
    if any(map(is_prodigy_row, fields)):
        return read_prodigy_rows
    if fields and all(map(is_exported_row, fields)):
        return read_exported_rows
    return None
