"""Jobs accepted as the API accepts them, without one."""

from __future__ import annotations

from typing import Any

from glossator.service.jobs.job_files import Folder, new_id
from glossator.service.jobs.job_options import LabelOptions, input_name
from glossator.service.jobs.records import NewJob
from glossator.service.jobs.store import Store
from glossator.service.labelling.file_labelling import plan_of


def accepted(
    store: Store, folder: Folder, model: Any, data: bytes, name: str = "rows.csv", *, job_id: str | None = None,
    **options: Any,
) -> str:  # fmt: skip
    """The id of a job whose file is in the folder and whose row is in the store."""
    incoming = folder.receive()
    incoming.write(data)
    asked = LabelOptions(**options)
    new = NewJob(
        id=job_id or new_id("job"), owner="ann", model=model.name, digest=model.digest,
        options=asked.model_dump(exclude_defaults=True), settings=plan_of(model), filename=name,
        input=input_name(name, asked), input_sha256=incoming.sha256, input_bytes=incoming.bytes, keep_seconds=3_600.0,
    )  # fmt: skip
    incoming.keep(folder.job(new.id) / new.input)
    store.submit(new)
    return new.id
