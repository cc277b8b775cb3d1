"""The rows that a champion was trained on: read again as they were, or from files that the caller names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError
from glossator.service.files.hashing import hash_file
from glossator.workflows.corpus.data_splits import DataSources, read_splits
from glossator.workflows.corpus.reading import read_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions, labels_of
from glossator.workflows.loop.training_rows import TrainingRow, rows_from
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.algorithms.algorithm import Splits
    from glossator.workflows.loop.champion import Champion
    from glossator.workflows.run_records import Data, Run, RunStore

RETRAIN = "retrain"
"""The command of runs whose rows are in a folder that `retrain` wrote."""
_HINT = "Name the file: --corpus FILE, with the columns if they cannot be detected."


@dataclass(frozen=True, slots=True)
class Sides:
    """The rows of a champion: trained on, validated on, and frozen for the test. Each test row stays a test row.

    `frozen`: further texts that must not be trained on. `same`: whether the training rows are exactly the champion's.
    """

    train: list[TrainingRow]
    validation: list[TrainingRow]
    test: list[TrainingRow]
    frozen: list[TrainingRow] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    out_of_scope: list[str] = field(default_factory=list)
    same: bool = True


def read_sides(
    champion: Champion,
    store: RunStore,
    reporter: Reporter,
    *,
    corpus: Sequence[str] = (),
    test: str | None = None,
    options: ReadingOptions | None = None,
) -> Sides:
    """Return the rows that the champion was trained on.

    Args:
        champion: The champion.
        store: The recorded runs.
        reporter: Receives the progress.
        corpus: Labelled sources to read instead of the recorded one.
        test: A labelled source of test rows; None: those of the champion.
        options: How to read `corpus` and `test`; None: as the record says.

    Raises:
        ConfigError: The champion's rows are not recorded, were moved, or have changed.
    """
    recorded = _recorded_options(champion.run)
    if corpus:
        given = options or recorded
        share = 0.0 if test is not None else _split_fields(champion.run).get("test_share", 0.1)
        parts = [
            read_splits(_sources(champion.run, source, test_share=share), given, reporter, task=champion.task.task)[1]
            for source in corpus
        ]
        sides = _joined(parts, champion)
    elif champion.run is not None and champion.run.command == RETRAIN:
        sides = _read_written(champion.run, store)
    else:
        sides = _read_recorded(champion, store, recorded, reporter)
    if test is None:
        return sides
    reading = (options or recorded).for_evaluation()
    rows = read_corpus(test, reading, reporter, expected=labels_of(champion.task)).corpus.rows()
    return Sides(
        sides.train,
        sides.validation,
        rows_from(rows),
        [*sides.frozen, *sides.test],
        sides.unlabelled,
        sides.out_of_scope,
        sides.same,
    )


def _read_recorded(champion: Champion, store: RunStore, options: ReadingOptions, reporter: Reporter) -> Sides:
    """Read and split the source again, as its record says; checks that the training rows are the same."""
    run = champion.run
    if run is None or "train" not in run.data:
        raise ConfigError(
            "what the champion was trained on is not recorded",
            found=f"run {champion.task.provenance.run or 'without an id'}",
            expected=f"its record in {store.folder}",
            hint=f"Give the folder of its runs with --runs. {_HINT}",
        )
    train = run.data["train"]
    paths = {name: _check_unchanged(store, run.data[name]) for name in run.data}
    validation = paths.get("validation")
    sources = _sources(
        run,
        paths["train"],
        validation=None if validation == paths["train"] else validation,
        test=paths.get("test"),
    )
    reporter.stage(f"reading the rows of the champion again: {train.path}")
    splits = read_splits(sources, options, reporter)[1]
    if splits.train.fingerprint() != champion.task.provenance.corpus_fingerprint:
        raise ConfigError(
            "the rows are not those that the champion was trained on",
            found=f"{len(splits.train):,} rows with fingerprint {splits.train.fingerprint()[:12]}",
            expected=f"{champion.task.provenance.corpus_rows:,} rows with fingerprint "
            f"{champion.task.provenance.corpus_fingerprint[:12]}",
            hint=f"They were read in another way. {_HINT}",
        )
    sides = _joined([splits], champion)
    if "unlabelled" not in paths:
        return sides
    from glossator.workflows.corpus.unlabelled_texts import read_unlabelled

    sides.unlabelled.extend(read_unlabelled(paths["unlabelled"], reporter).texts)
    return sides


def _read_written(run: Run, store: RunStore) -> Sides:
    """Return the rows that an earlier `retrain` wrote."""
    from glossator.modeling.labelled_rows import read_rows

    paths = {name: Path(_check_unchanged(store, run.data[name])) for name in ("train", "validation", "test")}
    sides = {name: rows_from(read_rows(path)) for name, path in paths.items()}
    more = {name: run.data[name] for name in ("unlabelled", "out_of_scope", "frozen") if name in run.data}
    texts = {name: rows_from(read_rows(Path(_check_unchanged(store, each)))) for name, each in more.items()}
    return Sides(
        sides["train"],
        sides["validation"],
        sides["test"],
        frozen=texts.get("frozen", []),
        unlabelled=[row.text for row in texts.get("unlabelled", ())],
        out_of_scope=[row.text for row in texts.get("out_of_scope", ())],
    )


def _check_unchanged(store: RunStore, data: Data) -> str:
    """Return where a recorded source is now; raises ConfigError if it is missing or has changed."""
    path = store.folder.resolve().parent / data.path
    if data.sha256 is None:  # a folder, or a dataset of the hub: the fingerprint of the rows is checked
        return str(path) if path.exists() else data.path
    if not path.is_file():
        raise ConfigError("a file that the champion was trained on is missing", found=path, hint=_HINT)
    digest = hash_file(path)
    if digest != data.sha256:
        raise ConfigError(
            "a file that the champion was trained on has changed",
            found=f"{path} with SHA-256 {digest[:12]}",
            expected=f"SHA-256 {data.sha256[:12]}, as recorded",
            hint=f"Undo the change. Or name it, if the new rows are wanted: --corpus {path}.",
        )
    return str(path)


def _joined(parts: Sequence[Splits], champion: Champion) -> Sides:
    """Return the rows of several sources. A text that is in one test is in no other side, and so on."""
    sides = Sides([], [], [])
    for splits in parts:
        sides.train.extend(rows_from(splits.train.rows()))
        sides.validation.extend(rows_from(splits.validation.rows()))
        sides.test.extend(rows_from(splits.test))
        sides.out_of_scope.extend(splits.out_of_scope)
    fingerprints = {splits.train.fingerprint() for splits in parts}
    return Sides(
        sides.train,
        sides.validation,
        sides.test,
        out_of_scope=sides.out_of_scope,
        same=fingerprints == {champion.task.provenance.corpus_fingerprint},
    )


def _sources(run: Run | None, source: str, **given: Any) -> DataSources:
    return DataSources(source=source, **(_split_fields(run) | given))


def _split_fields(run: Run | None) -> dict[str, Any]:
    return _fields(run, DataSources, but=("source", "validation", "test"))


def _recorded_options(run: Run | None) -> ReadingOptions:
    return ReadingOptions(**_fields(run, ReadingOptions))


def _fields(run: Run | None, of: type, *, but: Sequence[str] = ()) -> dict[str, Any]:
    recorded = {} if run is None else run.reading
    names = {each.name for each in fields(of)} - set(but)
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items() if name in names
    }
