"""Labels one part: reads it from the storage, labels it as any file, writes its output and its record."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glossator.service.errors import InputError
from glossator.service.files.hashing import hash_file
from glossator.service.inference.model import Model
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.identity import use_batch_costs
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.partitions.manifest import PartRecord, write_record
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.planning import write_part
from glossator.service.labelling.partitions.storage import Storage
from glossator.service.labelling.summary import RowCounts


@dataclass(frozen=True, slots=True)
class PartsJob:
    """What all parts have in common: everything that a worker needs besides the model."""

    input_url: str
    output_url: str
    suffix: str
    """Of the outputs, such as `.jsonl.zst`."""
    labelling: FileLabelling
    """The options; its source and output are those of no part."""
    batch_costs: Mapping[str, Any]


class PartWorker:
    """Labels parts one after another.

    Args:
        job: What all parts have in common.
        model: The model that answers.
        local_ledger: Keep the ledger of a part next to a local output, so that an interrupted part is resumed. False:
            in a temporary folder, so that several workers may label the same part.
    """

    def __init__(self, job: PartsJob, model: Model, *, local_ledger: bool = True) -> None:
        self._job = job
        self._model = model
        self._input = Storage(job.input_url)
        self._output = Storage(job.output_url)
        self._direct = local_ledger and self._output.is_local
        use_batch_costs(model, job.batch_costs)
        model.batch_cost_measured = True  # the batches of every worker are those of the manifest

    def label(self, part: Part) -> PartRecord:
        """Label a part, write its output and then its record.

        Raises:
            InputError: The part cannot be read, or its file has changed since the parts were planned.
            OutputError: The output cannot be written.
        """
        started = time.perf_counter()
        name = part.name + self._job.suffix
        self._refuse_changed(part)
        with tempfile.TemporaryDirectory(prefix="glossator-") as folder:
            output = self._output.path(name) if self._direct else str(Path(folder, name))
            if self._direct:
                Path(output).parent.mkdir(parents=True, exist_ok=True)
            source = write_part(self._input, part, Path(folder))
            labelling = replace(self._job.labelling, source=source, output=output)
            summary = label_file(labelling, self._model, overwrite=True)
            self._refuse_changed(part)
            size, sha256 = Path(output).stat().st_size, hash_file(Path(output))
            if not self._direct:
                self._output.put(name, Path(output))
        counts = RowCounts(summary.rows, summary.tokens, summary.windows, summary.truncated, dict(summary.errors))
        record = PartRecord(part.index, name, size, sha256, counts, time.perf_counter() - started)
        write_record(self._output, part, record)
        return record

    def _refuse_changed(self, part: Part) -> None:
        if self._input.state(part.file.url) != part.file:
            raise InputError(
                f"{part.file.url} was changed after the parts were planned",
                expected="a file that does not change",
                hint="Label it again with --fresh.",
            )
