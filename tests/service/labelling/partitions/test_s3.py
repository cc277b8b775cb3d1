"""Labelling in parts from and to a local server of the S3 protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glossator.service.errors import FileMissing, InputError
from glossator.service.inference.model import load
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions
from glossator.service.labelling.identity import batch_costs
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.partitions.local_processes import LocalProcesses
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part_worker import PartsJob, PartWorker
from glossator.service.labelling.partitions.planning import plan_parts
from glossator.service.labelling.partitions.run import label_parts
from glossator.service.labelling.partitions.storage import Storage


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A file system with the bucket `corpus`; workers find its server through the environment."""
    moto, s3fs = pytest.importorskip("moto.server"), pytest.importorskip("s3fs")  # here: they take seconds to import
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    try:
        system.mkdir("corpus")
        yield system
        system.rm("corpus", recursive=True)  # the servers of a process share their buckets
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def test_parts_are_read_from_and_written_to_a_bucket(store: Any, bundles: dict[str, Path], tmp_path: Path) -> None:
    lines = [json.dumps({"n": n, "text": ["money", "the parcel", ""][n % 3]}) for n in range(60)]
    store.pipe_file("corpus/in/b.jsonl", "\n".join(lines[30:]).encode())
    store.pipe_file("corpus/in/a.jsonl", "\n".join(lines[:30]).encode())
    model = load(bundles["intents"], threads=1)
    job = FileLabelling(source="s3://corpus/in/*.jsonl", output="s3://corpus/out")
    summary = label_parts(job, model, LocalProcesses(bundles["intents"], 1), part_bytes=600)
    outputs = sorted(store.glob("corpus/out/part-*"))
    assert summary.parts == len(outputs) > 2
    found = [json.loads(line) for name in outputs for line in store.cat_file(name).splitlines()]
    whole = tmp_path / "in.jsonl"
    whole.write_text("\n".join(lines))
    label_file(FileLabelling(source=str(whole), output=str(tmp_path / "one.jsonl")), model)
    expected = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    assert [row | {"_row_id": 0} for row in found] == [row | {"_row_id": 0} for row in expected]
    assert json.loads(store.cat_file("corpus/out/_complete.json"))["rows"] == 60

    store.rm_file(outputs[1])
    again = label_parts(job, model, LocalProcesses(bundles["intents"], 1), part_bytes=600)
    assert (again.resumed, again.finished) == (summary.parts - 1, summary.parts)
    assert sorted(store.glob("corpus/out/part-*")) == outputs


def test_resuming_needs_one_request_for_each_record(store: Any, bundles: dict[str, Path]) -> None:
    store.pipe_file("corpus/in.jsonl", b'{"text": "money"}\n' * 60)
    model = load(bundles["intents"], threads=1)
    job = FileLabelling(source="s3://corpus/in.jsonl", output="s3://corpus/out")
    parts = label_parts(job, model, LocalProcesses(bundles["intents"], 1), part_bytes=100).parts
    assert parts > 5
    requests: list[str] = []

    def note(request: Any, **_: Any) -> None:
        requests.append(f"{request.method} {request.url.partition('/corpus')[2]}")

    store.s3.meta.events.register("before-send.s3", note)
    try:
        again = label_parts(job, model, LocalProcesses(bundles["intents"], 1), part_bytes=100)
    finally:
        store.s3.meta.events.unregister("before-send.s3", note)
    assert again.resumed == parts
    about_records = [each for each in requests if "part-" in each]
    assert sorted(about_records) == [f"GET /out/_done/part-{number:05d}.json" for number in range(parts)]
    assert sum("list-type=2" in each for each in requests) <= 4


def test_a_changed_object_and_a_missing_one_are_errors(store: Any, bundles: dict[str, Path]) -> None:
    store.pipe_file("corpus/a.jsonl", b'{"text": "money"}\n')
    storage = Storage("s3://corpus/a.jsonl")
    (part,), options = plan_parts(storage, InputOptions())
    store.pipe_file("corpus/a.jsonl", b'{"text": "thank"}\n')
    model = load(bundles["intents"], threads=1)
    labelling = FileLabelling(source="", output="", input_options=options)
    job = PartsJob("s3://corpus/a.jsonl", "s3://corpus/out", ".jsonl", labelling, batch_costs(model))
    worker = PartWorker(job, model)
    with pytest.raises(InputError, match="was changed"):
        worker.label(part)
    assert not store.exists("corpus/out/part-00000.jsonl")
    (part,), _ = plan_parts(storage, InputOptions())
    assert isinstance(worker.label(part), PartRecord)
    with pytest.raises(FileMissing):
        Storage("s3://corpus/none/*.jsonl").list_files()
