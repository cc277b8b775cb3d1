"""`glossator promote`"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glossator.cli.commands.bundles.models import REGISTRY, Folder
from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import (
    FAILED,
    OK,
    REJECTED_ROWS,
    Json,
    Quiet,
    print_json,
    reporter,
    stderr,
    stdout,
)
from glossator.cli.support.panels import READING
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.service.registry import Registry
    from glossator.workflows.models.promotion import Standing

TASKS = 100
MARK = {True: "passed", False: "failed", None: "open"}


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def promote(
    model: Annotated[str, typer.Argument(help="The name of the model in the registry and in the log.")],
    log: Annotated[
        Path, typer.Option("--log", help="The folder of the prediction log: that of `glossator serve --log`.")
    ],
    registry: Folder = REGISTRY,
    challenger: Annotated[
        str | None,
        typer.Option(
            help="The other version: an alias, a digest, or `previous`. Default: challenger; with --watch, previous."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check the champion against the previous one: must it be rolled back?")
    ] = False,
    auto: Annotated[bool, typer.Option("--auto", help="Promote, or roll back, when the evidence is in.")] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=50.0,
            metavar="POINTS",
            help="By how much accuracy the challenger may be worse. Default: as the comparison was begun, or 0.5.",
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Write the next disagreements to review to this file (JSON lines; - for stdout)."),
    ] = None,
    labels: Annotated[int, typer.Option(min=1, help="How many of them.")] = TASKS,
    answers: Annotated[
        Path | None, typer.Option(help="Read reviews from this file: the tasks, with what the reviewer says added.")
    ] = None,
    reviewer: Annotated[str, typer.Option(help="Who reviewed, for rows that do not say it.")] = "reviewer",
    new_labels: Annotated[
        bool, typer.Option("--new-labels", help="Allow right labels that neither version has.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Also take the texts since the last ones, before these are reviewed.")
    ] = False,
    test: Annotated[
        str | None,
        typer.Option(
            help="Labelled file on which the challenger must not be worse by more than the margin.",
            rich_help_panel=READING,
        ),
    ] = None,
    max_latency_ratio: Annotated[
        float, typer.Option(min=0.0, help="How many times as long as the champion's an answer may take.")
    ] = 1.5,
    max_memory_ratio: Annotated[
        float, typer.Option(min=0.0, help="How many times as large as the champion's its graphs may be.")
    ] = 2.0,
    alpha: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=50.0,
            metavar="PERCENT",
            help="Probability of a wrong promotion in the life of a champion, over all its challengers.",
        ),
    ] = 5.0,
    spend: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=50.0,
            metavar="PERCENT",
            help="What a new challenger may spend of --alpha. Default: 61 % of it for the first, 15 % for the next...",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Compare again two versions whose comparison was closed.")
    ] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="Close the comparison.")] = False,
    *,
    reading: ReadingOptions,
    runs: run_options.Runs = run_options.RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Promote a challenger when reviewed disagreements show that it is no worse, or roll back.

    The challenger answers logged texts as a shadow (`glossator serve --shadow MODEL=challenger:0.2`). --tasks writes
    texts on which it disagrees with the champion, with both answers as "a" and "b" in random order. Set "right" to
    "a", "b", "both" or "neither", or add "gold_labels": [...] or "skip": true, and read the file back with --answers.
    When the reviews show that the challenger is at most --margin points worse, and all gates pass, --auto promotes it.
    After that, --watch asks for the opposite, and --auto rolls back.

    Exits with 1 if the challenger cannot be promoted yet, or if a watched champion is shown to be worse; with 3 if rows
    of --answers could not be used.

    \b
    Examples:
      glossator promote tickets --log predictions --tasks review.jsonl
      glossator promote tickets --log predictions --answers review.jsonl \\
        --test test.csv --auto
      glossator promote tickets --log predictions --watch --auto
    """
    from glossator.service.monitoring.prediction_log.reader import LogReader
    from glossator.service.promotion.decision import finish_interrupted
    from glossator.service.promotion.store import PromotionStore
    from glossator.service.registry import Registry
    from glossator.service.reviews.store import DATABASE, open_review_database
    from glossator.workflows.models.promotion import Promotion, Terms

    LogReader(log)  # an error if there is no log
    versions = Registry(registry)
    terms = Terms(
        margin=None if margin is None else margin / 100.0,
        total_alpha=alpha / 100.0,
        spend=None if spend is None else spend / 100.0,
        latency_ratio=max_latency_ratio,
        memory_ratio=max_memory_ratio,
        test=test,
        reading=reading,
    )
    store = PromotionStore(open_review_database(log, os.environ.get(DATABASE) or None))
    faults: list[str] = []
    try:
        for entry in finish_interrupted(store, versions, model):
            stderr().print(f"· completed: champion is now {model}@{entry.digest[:12]}", markup=False)
        if not watch and _is_champion(versions, model, challenger):
            return _nothing_to_do(model, as_json)
        promotion = Promotion(store, versions, log, model, terms, watch=watch, challenger=challenger, restart=restart)
        if answers is not None:
            faults += promotion.add_answers(_rows(answers, faults), reviewer, new_labels=new_labels)
        promotion.read_log(new=new)
        if tasks is not None:
            _write_tasks(tasks, promotion.tasks(labels))
        if give_up:
            promotion.give_up()
        standing = promotion.decide(
            lambda: run_options.open_store(runs), reporter(quiet=quiet), act=auto and not give_up
        )
    finally:
        store.close()
    for fault in faults:
        stderr().print(f"· {fault}", markup=False)
    if any("unknown label" in fault for fault in faults):
        stderr().print("· --new-labels allows labels that neither version has", markup=False)
    if as_json:
        print_json(standing.to_dict() | {"faults": faults})
    else:
        out = stderr() if tasks == "-" else stdout()
        for line in _sentences(standing):
            out.print(line, markup=False)
    if faults:
        return REJECTED_ROWS
    return FAILED if standing.verdict in ("not yet", "worse", "rolled back") else OK


def _is_champion(registry: Registry, model: str, challenger: str | None) -> bool:
    """Return whether the version with the alias `challenger` has become the champion."""
    aliases = registry.record(model).aliases
    return challenger is None and "challenger" in aliases and aliases["challenger"] == aliases.get("champion")


def _nothing_to_do(model: str, as_json: bool) -> int:
    if as_json:
        print_json({"model": model, "verdict": "is champion"})
    else:
        stdout().print(f"{model}: the challenger is the champion already; --watch checks that it stays", markup=False)
    return OK


def _rows(path: Path, faults: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a file of reviews with their numbers; rows that cannot be read become faults."""
    from glossator.service.reviews.formats.review_files import file_rows, values_of_cells

    for number, row in file_rows(path, faults):
        yield number, values_of_cells(row)


def _write_tasks(path: str, tasks: Iterable[Mapping[str, Any]]) -> None:
    from glossator.service.files.atomic_file import AtomicFile

    count = without = 0
    file = AtomicFile(path, mode=0o600)
    try:
        for task in tasks:
            count += 1
            without += "text" not in task
            file.write((json.dumps(task, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
        file.commit()
    except BaseException:
        file.discard()
        raise
    stderr().print(f"· wrote {count:,} disagreements to review", markup=False)
    if without:
        stderr().print(
            f"· the text of {without:,} of them is not in the log: find it by its SHA-256, or log texts "
            "(glossator serve --log-texts)",
            markup=False,
        )


def _sentences(standing: Standing) -> Iterator[str]:
    from glossator.service.promotion.verdict import evidence_sentences, names_of

    challenge, evidence, names = standing.challenge, standing.evidence, names_of(standing.challenge)
    yield (
        f"{challenge.model}: {names[0]} {challenge.candidate[:12]} against {names[1]} {challenge.baseline[:12]}; "
        f"comparison {challenge.number} of this champion, which may spend {100 * challenge.alpha:.3g} % of "
        f"{100 * challenge.total_alpha:g} %"
    )
    if standing.labels:
        yield standing.labels
    yield from evidence_sentences(challenge, evidence)
    for gate in standing.gates:
        yield f"{gate.name}: {MARK[gate.passed]}; {gate.sentence}"
    if standing.waiting:
        yield f"to review: {standing.waiting:,} disagreements (--tasks FILE writes them)"
    yield _verdict(standing)


def _verdict(standing: Standing) -> str:
    challenge = standing.challenge
    version = f"{challenge.model}@{challenge.candidate[:12]}"
    if challenge.state == "given up":
        return f"closed without a promotion; what it may spend of the {100 * challenge.total_alpha:g} % stays spent"
    failed = [gate.name for gate in standing.gates if gate.passed is False]
    lacks = "reviews are missing" if standing.waiting else "texts that both answered are missing"
    missing = [] if standing.evidence.shown else [lacks]
    missing += [f"failed: {', '.join(failed)}"] if failed else []
    return {
        "not yet": f"not promoted: {'; '.join(missing)}",
        "ready": f"{version} may be promoted: --auto does it",
        "promoted": f"promoted: {version} is the champion now; --watch checks it against the previous one",
        "kept": f"{version} stays",
        "worse": f"{version} should be rolled back: --auto does it",
        "rolled back": f"rolled back: {challenge.model}@{challenge.baseline[:12]} is the champion again",
    }[standing.verdict]
