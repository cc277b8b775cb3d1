"""`glossator review files`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from glossator.cli.support.command import PREFIX
from glossator.cli.support.console import OK, Json, echo, print_json
from glossator.service.errors import FileMissing


def files(
    reviews: Annotated[
        Path,
        typer.Option(
            envvar=f"{PREFIX}REVIEWS", help="The folder of `glossator serve --reviews`, or that of the prediction log."
        ),
    ],
    queue: Annotated[str | None, typer.Argument(help="The id of a queue. Default: list the queues.")] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="The labelled file; - writes to standard output.")
    ] = "-",
    format: Annotated[
        Literal["jsonl", "csv", "prodigy"],
        typer.Option(help="glossator train reads jsonl and csv, glossator wrangle --answers reads prodigy."),
    ] = "jsonl",
    only_labelled: Annotated[bool, typer.Option("--only-labelled", help="Leave out rows without a label.")] = False,
    as_json: Json = False,
) -> int:
    """List the files that people label on the page Review, or write one with its labels.

    Every row comes back, in order; review_status says which have no label yet. Training rejects those rows.

    \b
    Examples:
      glossator review files --reviews reviews
      glossator review files queue_5f1c0a9e3b7d2c4e6a8b0d1f --reviews reviews -o labelled.jsonl
    """
    from glossator.service.files.atomic_file import AtomicFile
    from glossator.service.labelling_queues.export import export_rows
    from glossator.service.labelling_queues.progress import sentence_of
    from glossator.service.labelling_queues.store import LabellingStore
    from glossator.service.reviews.store import DATABASE, FILE, open_review_database

    url = os.environ.get(DATABASE) or None
    if url is None and not (reviews / FILE).exists():
        raise FileMissing(
            "the folder has no reviews", found=reviews, hint="Name the folder of glossator serve --reviews."
        )
    store = LabellingStore(open_review_database(reviews, url))
    try:
        if queue is not None:
            file = AtomicFile(output)
            try:
                for part in export_rows(store, store.queue(queue), format, only_labelled=only_labelled):
                    file.write(part)
            except BaseException:
                file.discard()
                raise
            file.commit()
            return OK
        found = [(each, store.counts(each.id, "")) for each in store.queues()]
        if as_json:
            rows = [
                {"id": each.id, "title": each.title, "rows": each.rows, "done": counts.done} for each, counts in found
            ]
            print_json({"files": rows})
        for each, counts in () if as_json else found:
            echo(f"{each.id}  {each.title}: {each.rows:,} rows; {sentence_of(each, counts)}")
        return OK
    finally:
        store.close()
