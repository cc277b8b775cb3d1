"""`glossator feedback`"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, print_json, stderr, stdout
from glossator.service.errors import ConfigError, GlossatorError, InvalidFeedback

if TYPE_CHECKING:
    from glossator.service.bundle.task import Task
    from glossator.service.reviews.feedback import Feedback, FeedbackStore
    from glossator.service.reviews.feedback_rows import FeedbackRow

_ROWS = 200
"""Rows that are looked up and stored together."""

Log = Annotated[Path, typer.Option("--log", help="The folder of the prediction log: that of `glossator serve --log`.")]

feedback = typer.Typer(
    name="feedback",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""List, add and take back what people say about logged answers.

    Feedback is given over HTTP (POST /v1/feedback), on the page, and here. It is training data; the accuracy that
    `glossator monitor` measures does not use it, because people choose what they give feedback on.

    \b
    Examples:
      glossator feedback list --log predictions --model tickets
      glossator feedback list --log predictions -o feedback.jsonl
      glossator feedback add --log predictions --request 7d0f6c1a --label refund
      glossator feedback add --log predictions rows.jsonl
    """,
)


@feedback.command("list", cls=Subcommand)
def list_feedback(
    log: Log,
    model: Annotated[str | None, typer.Option(help="Only feedback on this model: NAME, or NAME@DIGEST.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Also feedback that was replaced or taken back; the oldest first.")
    ] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write JSON lines to this file; - for standard output.")
    ] = None,
    as_json: Json = False,
) -> int:
    """List the feedback that counts: the newest of each reviewer on each answer."""
    store = _open(log)
    try:
        rows = list(_listed(store, model, history=history))
    finally:
        store.close()
    if output is not None:
        _write(output, rows)
    elif as_json:
        print_json({"feedback": rows})
    else:
        for row in rows:
            stdout().print(_sentence(row), markup=False)
        stderr().print(f"· {len(rows):,} rows of feedback", markup=False)
    return OK


@feedback.command("add", cls=Subcommand)
def add(
    log: Log,
    rows: Annotated[
        Path | None,
        typer.Argument(
            help="JSON lines or a table with the fields of POST /v1/feedback. Without it, the options are one row."
        ),
    ] = None,
    request: Annotated[str | None, typer.Option(help="The X-Request-Id of the answer.")] = None,
    place: Annotated[int | None, typer.Option(min=0, help="The number of the text in the request, from 0.")] = None,
    model: Annotated[str | None, typer.Option(help="The model, if the answer is named by its text.")] = None,
    text: Annotated[str | None, typer.Option(help="The text, instead of --request.")] = None,
    correct: Annotated[
        bool | None, typer.Option("--correct/--wrong", help="Whether the answer is right as a whole.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="The right label. May be repeated.")] = None,
    comment: Annotated[str | None, typer.Option(help="A comment.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who says it, for rows that do not; default: local.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Refuse labels that this bundle does not have. Default: labels are not checked.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Add feedback on logged answers. Adding it again changes nothing.

    Exits with 3 if some rows of the file cannot be used; the others are stored.
    """
    from glossator.service.bundle.reader import read_manifest

    one = {
        "request": request, "place": place, "model": model, "text": text, "correct": correct, "labels": label,
        "comment": comment,
    }  # fmt: skip
    given = {name: value for name, value in one.items() if value is not None}
    if (rows is None) != bool(given):
        raise ConfigError(
            "give a file of rows, or one row as options",
            expected="ROWS, or --request with --correct, --wrong, --label or --comment",
            hint="See glossator feedback add -h.",
        )
    task = None if bundle is None else read_manifest(bundle).task
    faults: list[str] = []
    results: list[dict[str, Any]] = []
    store = _open(log)
    try:
        if rows is None:
            ((_, row),) = [(1, _row(given, reviewer))]
            results += _add(store, log, [(1, row)], task, None)
        else:
            batch: list[tuple[int, FeedbackRow]] = []
            for each in _rows(rows, reviewer, faults):
                batch.append(each)
                if len(batch) == _ROWS:
                    results += _add(store, log, batch, task, faults)
                    batch = []
            results += _add(store, log, batch, task, faults)
    finally:
        store.close()
    for fault in faults:
        stderr().print(f"· {fault}", markup=False)
    new = sum(result["status"] == "stored" for result in results)
    if as_json:
        print_json({"results": results, "stored": new, "known": len(results) - new, "faults": faults})
    else:
        stdout().print(f"stored {new:,}, known {len(results) - new:,}, rejected {len(faults):,}", markup=False)
    return REJECTED_ROWS if faults else OK


@feedback.command("undo", cls=Subcommand)
def undo(
    feedback_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `glossator feedback list` shows.")],
    log: Log,
    by: Annotated[str, typer.Option(help="Who takes it back.")] = "operator",
    as_json: Json = False,
) -> int:
    """Take feedback back. It stays in the history (`list --history`) until `glossator log forget` erases it."""
    store = _open(log)
    try:
        counted = store.undo(feedback_id, by)
    finally:
        store.close()
    if as_json:
        print_json({"id": feedback_id, "undone": counted})
    else:
        stdout().print(f"took back {feedback_id}" if counted else f"{feedback_id} did not count any more", markup=False)
    return OK


def _open(log: Path) -> FeedbackStore:
    from glossator.service.monitoring.prediction_log.reader import LogReader
    from glossator.service.reviews.feedback import FeedbackStore
    from glossator.service.reviews.store import DATABASE, open_review_database

    LogReader(log)  # an error if there is no log
    return FeedbackStore(open_review_database(log, os.environ.get(DATABASE) or None))


def _listed(store: FeedbackStore, model: str | None, *, history: bool) -> Iterator[dict[str, Any]]:
    name, _, digest = (model or "").partition("@")
    if history:
        for change in store.history(name or None):
            if (change.feedback.digest or "").startswith(digest):
                yield _to_json(change.feedback) | ({"undone_by": change.undone_by} if change.undone_by else {})
        return
    yield from map(_to_json, store.feedback(name or None, digest or None))


def _to_json(found: Feedback) -> dict[str, Any]:
    from dataclasses import asdict

    from glossator.service.monitoring.prediction_log.records import format_time

    fields = {name: value for name, value in asdict(found).items() if value is not None and name != "made"}
    return fields | {"time": format_time(found.made)}


def _sentence(row: dict[str, Any]) -> str:
    version = f"@{row['digest'][:12]}" if "digest" in row else ""
    if "undone_by" in row:
        verdict = f"taken back by {row['undone_by']}"
    else:
        verdict = "no verdict" if "correct" not in row else "right" if row["correct"] else "wrong"
    gold = f"; right is {json.dumps(row['gold'], ensure_ascii=False)}" if "gold" in row else ""
    comment = f"; {row['comment']}" if "comment" in row else ""
    where = f"{row['request']}[{row['place']}]" if "request" in row else f"sha256 {row['sha256'][:12]}"
    said = f"{row['reviewer']}: {verdict}{gold}{comment}"
    return f"{row['id']}  {row['time'][:19]}  {row['model']}{version}  {where}  {said}"


def _write(path: str, rows: list[dict[str, Any]]) -> None:
    from glossator.service.files.atomic_file import AtomicFile

    file = AtomicFile(path, mode=0o600)
    try:
        for row in rows:
            file.write((json.dumps(row) + "\n").encode("ascii"))
        file.commit()
    except BaseException:
        file.discard()
        raise
    stderr().print(f"· wrote {len(rows):,} rows of feedback", markup=False)


def _rows(path: Path, reviewer: str | None, faults: list[str]) -> Iterator[tuple[int, FeedbackRow]]:
    """Yield the rows of a file with their numbers; rows that cannot be read become faults."""
    from glossator.service.documents.sources.open_source import open_source

    for number, record in enumerate(open_source(path).records(), start=1):
        try:
            if record.error is not None:
                raise record.error
            yield number, _row(_values(record.fields), reviewer)
        except GlossatorError as error:
            faults.append(_fault(number, error))


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the values of its cells, if all are text, as in a table. Empty cells say nothing."""
    if not all(isinstance(value, str) for value in fields.values()):
        return dict(fields)
    found: dict[str, Any] = {name: value for name, value in fields.items() if value}
    for name in {"place", "correct", "no_answer", "labels", "entities", "span"} & set(found):
        cell = found[name].strip()
        with suppress(ValueError, RecursionError):
            if name in ("place", "correct", "no_answer"):
                found[name] = json.loads(cell.lower())
            elif cell[:1] in ("[", "{"):
                found[name] = json.loads(cell)
    if isinstance(found.get("labels"), str):
        found["labels"] = [found["labels"]]
    return found


def _row(fields: dict[str, Any], reviewer: str | None) -> FeedbackRow:
    from pydantic import ValidationError

    from glossator.service.reviews.feedback_rows import FeedbackRow

    try:
        return FeedbackRow.model_validate(({} if reviewer is None else {"reviewer": reviewer}) | fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidFeedback(
            f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, "),
            hint="The fields are those of POST /v1/feedback, see docs/feedback.md.",
        ) from None


def _add(
    store: FeedbackStore,
    log: Path,
    rows: list[tuple[int, FeedbackRow]],
    task: Task | None,
    faults: list[str] | None,
) -> list[dict[str, Any]]:
    """Store rows. Return what is stored. The errors of rows are added to `faults`, or raised without it."""
    from glossator.service.monitoring.prediction_log.lookup import find_answers
    from glossator.service.monitoring.prediction_log.records import JOB_ROUTE
    from glossator.service.reviews.feedback_rows import Giver, read_feedback

    records = find_answers(log, [row.wanted(None) for _, row in rows])
    found = []
    for (number, row), record in zip(rows, records, strict=True):
        giver = Giver(texts=record is None or "text" in record)
        try:
            found.append(read_feedback(row, record, task, giver, job_route=JOB_ROUTE))
        except GlossatorError as error:
            if faults is None:
                raise
            faults.append(_fault(number, error))
    added = store.add_all(found)
    return [
        {"id": each.id, "status": "stored" if is_new else "known", "correct": each.correct}
        for each, is_new in zip(found, added, strict=True)
    ]


def _fault(number: int, error: GlossatorError) -> str:
    parts = [error.message, error.found and f"found {error.found}", error.expected and f"expected {error.expected}"]
    return f"row {number}: {'; '.join(part for part in parts if part)}"
