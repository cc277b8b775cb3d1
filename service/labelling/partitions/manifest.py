"""The manifest of a labelling in parts: what belongs to it, and which parts are complete.

The output folder holds `_manifest.json`, written before the first part, then for each part its output and, written
after it, `_done/part-00000.json` with its SHA-256 and counts. So a part with a record is complete, whichever process is
killed at whatever moment; a part without one is labelled again, and its output is replaced as a whole. `_complete.json`
is written last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from glossator.service.errors import ConfigError, OutputError, shorten
from glossator.service.labelling.ledger import differences
from glossator.service.labelling.partitions.part import InputFile, Part
from glossator.service.labelling.partitions.storage import Storage
from glossator.service.labelling.summary import RowCounts

FORMAT = 1
MANIFEST, COMPLETE, DONE = "_manifest.json", "_complete.json", "_done"


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A complete part."""

    index: int
    output: str
    """The name of its output in the folder."""
    size: int
    sha256: str
    counts: RowCounts
    seconds: float


class Manifest:
    """The parts of an output folder, and the records of those that are complete.

    Args:
        folder: The output folder.
        identity: What the output depends on; JSON-ready.
        batch_costs: Stored with a new manifest; an existing one keeps its own. See `identity.batch_costs`.
        parts: The parts of the input.
        fresh: Start again: the records of an earlier labelling are removed.

    Raises:
        ConfigError: The folder belongs to another labelling.
        OutputError: The folder has other files, or cannot be written.
    """

    def __init__(
        self,
        folder: Storage,
        identity: Mapping[str, object],
        batch_costs: Mapping[str, object],
        parts: Sequence[Part],
        *,
        fresh: bool = False,
    ) -> None:
        self._folder = folder
        self.parts = list(parts)
        self.batch_costs: dict[str, Any] = dict(batch_costs)
        self.done: dict[int, PartRecord] = {}
        """The complete parts by index."""
        header: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, "identity": identity}))
        found = folder.get(MANIFEST)
        if found is not None and not fresh:
            earlier = json.loads(found)
            self._check(earlier, header)
            self.batch_costs = earlier["batch_costs"]
            self.parts = [_part(fields) for fields in earlier["parts"]]
            self.done = self._read_records()
            return
        names = folder.names()
        if names and found is None:
            raise OutputError(
                "the output folder is not empty",
                found=shorten(", ".join(sorted(names)), 80),
                hint="Choose another folder; each labelling in parts needs its own.",
            )
        for name in [COMPLETE, *(f"{DONE}/{each}" for each in folder.names(DONE))]:
            folder.remove(name)
        for name in names:
            if name.startswith("part-"):
                folder.remove(name)
        content = header | {"batch_costs": self.batch_costs, "parts": [asdict(part) for part in self.parts]}
        folder.put(MANIFEST, json.dumps(content, indent=1).encode())

    def finish(self) -> None:
        """Write that all parts are complete, with their sum."""
        rows = sum(record.counts.rows for record in self.done.values())
        failed = sum(record.counts.failed for record in self.done.values())
        total = {"format": FORMAT, "parts": len(self.parts), "rows": rows, "failed": failed}
        self._folder.put(COMPLETE, json.dumps(total).encode())

    def _check(self, earlier: Mapping[str, Any], header: Mapping[str, Any]) -> None:
        if earlier.get("format") != FORMAT:
            raise ConfigError(
                "another version of Glossator started this output folder",
                found=self._folder.url,
                hint="Finish it with that version, or pass --fresh to start again.",
            )
        faults = differences(earlier["identity"], header["identity"])
        if faults:
            raise ConfigError(
                f"this folder holds a labelling of another input or with other options: {self._folder.url}",
                faults=faults,
                hint="Give the earlier command again, name another folder, or pass --fresh to start again.",
            )

    def _read_records(self) -> dict[int, PartRecord]:
        """Return the records of the parts whose output is there; each folder is listed once."""
        outputs = self._folder.sizes()
        records = map(parse_record, self._folder.get_all(DONE, ".json"))
        return {record.index: record for record in records if outputs.get(record.output) == record.size}


def write_record(folder: Storage, part: Part, record: PartRecord) -> None:
    """Write that a part is complete; its output is written before."""
    folder.put(f"{DONE}/{part.name}.json", json.dumps(asdict(record)).encode())


def parse_record(data: bytes) -> PartRecord:
    """Return a record from its JSON."""
    fields = json.loads(data)
    return PartRecord(**(fields | {"counts": RowCounts(**fields["counts"])}))


def _part(fields: Mapping[str, Any]) -> Part:
    return Part(**{**fields, "file": InputFile(**fields["file"])})
