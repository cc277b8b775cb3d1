"""`glossator review files`: the queues of files are listed, and one is written with its labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glossator.service.labelling_queues.records import LabellingQueue, Row
from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.reviews.records import Review
from glossator.service.reviews.store import open_review_database

Run = Callable[..., Any]


def test_queues_are_listed_and_written(run: Run, folder: Path) -> None:
    store = LabellingStore(open_review_database(folder))
    queue = LabellingQueue("queue_1", "mail.csv", "single_label", ("a",), False, "text")
    store.add_queue(queue, [Row(number, number + 2, f"text {number}") for number in range(2)])
    store.add(queue.id, [Review(0, "wrong", "ann", {"labels": ["a"]})], author="ann")
    store.close()
    assert run("review", "files", "--reviews", ".").out == "queue_1  mail.csv: 2 rows; 50% of the file is done\n"
    listed = json.loads(run("review", "files", "--reviews", ".", "--json").out)
    assert listed == {"files": [{"id": "queue_1", "title": "mail.csv", "rows": 2, "done": 1}]}
    more = ("-o", "labelled.csv", "--format", "csv", "--only-labelled")
    assert run("review", "files", "queue_1", "--reviews", ".", *more).code == 0
    assert (folder / "labelled.csv").read_text().splitlines()[1].startswith("text 0,a,labelled,")
    assert len(run("review", "files", "queue_1", "--reviews", ".").out.splitlines()) == 2


def test_what_is_missing_is_said(run: Run, folder: Path) -> None:
    done = run("review", "files", "--reviews", str(folder))
    assert (done.code, "the folder has no reviews" in done.err) == (2, True)
