"""Tasks of Label Studio as rows: the columns of a task are the fields of its `data`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice

from glossator.service.documents.formats.json_array import JsonSource
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import SourceOptions
from glossator.service.errors import UnreadableRow

_HEAD_ITEMS = 1_000


class LabelStudioSource(JsonSource):
    """The data of each task. Annotations and predictions are left out: this is for labelling."""

    format = "label-studio"
    has_annotations = True

    def __init__(self, path: str, options: SourceOptions) -> None:
        super().__init__(path, options)
        tasks = super()._records()
        head = list(islice(tasks, _HEAD_ITEMS))
        self._tasks = chain(head, tasks)
        self.columns = tuple(dict.fromkeys(key for record in head for key in _data_of(record).fields))

    def annotated_records(self, label_column: str | None = None) -> Iterator[Record]:
        """Return the tasks themselves, with their annotations; replaces `records`."""
        return self._tasks

    def _records(self) -> Iterator[Record]:
        return map(_data_of, self._tasks)


def _data_of(record: Record) -> Record:
    if record.error is not None:
        return record
    data = record.fields.get("data")
    if not isinstance(data, Mapping):
        return Record(record.line, {}, UnreadableRow(f"line {record.line}: the task has no data"))
    return replace(record, fields={str(key): value for key, value in data.items()})
