"""`glossator train`"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support import run_recording
from glossator.cli.support.console import OK, Json, Overwrite, Quiet, need, print_json, stderr, stdout
from glossator.service.errors import ConfigError, Fault
from glossator.workflows.unlabelled_texts import read_unlabelled

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.corpus import Corpus
    from glossator.training.corpus.splitting.split import Split
    from glossator.training.fit import FitResult
    from glossator.training.hyperparameter_search import SearchResult
    from glossator.workflows.run_records import Data, RunStore


def train(
    source: Annotated[
        str,
        typer.Argument(help="Labelled file, - for stdin, a saved dataset's folder, or a hub dataset's name."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The checkpoint's folder.")],
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    second_column: corpora.SecondColumn = None,
    task: corpora.TaskOption = None,
    validation: Annotated[str | None, typer.Option(help="Labelled file to choose the epoch and thresholds on.")] = None,
    test: Annotated[
        str | None, typer.Option(help="Labelled file kept for the final measurement; training never looks at it.")
    ] = None,
    validation_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of rows for validation, without --validation.")
    ] = 0.1,
    test_share: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of rows for the test, without --test.")
    ] = 0.1,
    group_column: Annotated[
        str | None, typer.Option(help="Rows with one value here stay on one side of the split: customers, documents.")
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(help="Split by time: train on the earliest rows, validate on later, test on the latest."),
    ] = None,
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or a hub name.")
    ] = "starter",
    algorithm: Annotated[
        str, typer.Option(help="majority, tfidf, bag, static, frozen, few-shot, distil, lora, finetune, or a plugin's.")
    ] = "finetune",
    options_given: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option of the algorithm; repeatable.")
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="Bundle or checkpoint that distil learns from.")] = None,
    unlabelled: Annotated[
        str | None, typer.Option(help="File of texts without labels, for the algorithms that learn from such: distil.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training rows, at most; default: the algorithm's.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Windows a batch; default: the algorithm's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate; default: the algorithm's.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens a window; longer texts get several.")] = None,
    stride: Annotated[int | None, typer.Option(help="Tokens that neighbouring windows share.")] = None,
    label_smoothing: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="Share of the target spread over all labels; single-label alone.")
    ] = 0.1,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Epochs without a better validation metric before stopping.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the split, the first weights and the order of the batches.")] = 13,
    precision: Annotated[
        Literal["auto", "bf16", "fp32"], typer.Option(help="auto: bf16 where the processor has it.")
    ] = "auto",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="auto: CUDA where there is one.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the CPUs allowed.")] = None,
    trials: Annotated[
        int | None, typer.Option("--search", min=1, help="Try so many choices of the algorithm's options.")
    ] = None,
    search_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop searching after so long.")] = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    dataset_split: corpora.DatasetSplit = None,
    drop_rare: Annotated[bool, typer.Option("--drop-rare", help="Leave out classes with a single row.")] = False,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Train on exact duplicates too.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows that cannot be used are written; default: OUTPUT.rejects.jsonl.")
    ] = None,
    runs: run_recording.Runs = run_recording.RUNS,
    accept_changed_test: run_recording.AcceptChangedTest = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard an interrupted run instead of resuming it.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train a model on a labelled file.

    Reads and checks the rows, splits them unless files are given, trains with early stopping, and writes a checkpoint.
    Rows that cannot be used are counted, shown and written aside. A run that was interrupted resumes when the same
    command is given again, and comes to the same result.

    \b
    Examples:
      glossator train tickets.csv --label-column category -o checkpoints/tickets
      glossator train tickets.csv --label-column tags --label-separator '|' -o checkpoints/tags
      glossator train entities.conll -o checkpoints/entities
      glossator train tickets.csv --algorithm tfidf -o checkpoints/tickets-tfidf
      glossator train tickets.csv --algorithm distil --teacher models/tickets -o checkpoints/small
    """  # fmt: skip
    need("training")
    from glossator.cli.support.progress import TrainingProgress, duration
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import check_destination
    from glossator.service.files.paths import refuse_same_file
    from glossator.training.algorithms.registry import find
    from glossator.training.corpus.splitting.split import split
    from glossator.training.experiment_tracking import track_progress
    from glossator.training.fit import fit
    from glossator.training.hyperparameter_search import search
    from glossator.workflows.run_records import RunStore

    console = stderr(quiet=quiet)
    config = _config(
        algorithm=algorithm,
        options=parse_options(options_given or ()),
        teacher=teacher,
        base=base,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        label_smoothing=label_smoothing,
        max_length=max_length,
        stride=stride,
        patience=patience,
        seed=seed,
        precision=precision,
        device=device,
        threads=threads,
    )
    options = corpora.ReadingOptions(
        text_column=text_column,
        label_column=label_column,
        label_separator=label_separator,
        input_format=input_format,
        encoding=encoding,
        delimiter=delimiter,
        dataset_split=dataset_split,
        drop_duplicates=not keep_duplicates,
        drop_rare=drop_rare,
        second_column=second_column,
        task=task,
        keep=tuple(name for name in (group_column, time_column) if name is not None),
    )
    if group_column is not None and time_column is not None:
        raise ConfigError(
            "rows are kept together, or ordered by time, not both",
            found=f"--group-column {group_column} and --time-column {time_column}",
            hint="Leave one out.",
        )
    check_destination(output, overwrite=overwrite, markers=FOLDER_MARKERS)
    chosen = find(algorithm)
    if unlabelled is not None and not chosen.reads_unlabelled:
        raise ConfigError(
            f"{algorithm} learns nothing from unlabelled texts",
            found=f"--unlabelled {unlabelled}",
            hint="Leave it out, or take --algorithm distil with a --teacher.",
        )
    rejects = rejects or Path(f"{output}.rejects.jsonl")
    refuse_same_file(str(rejects), [given for given in (source, validation, test) if given])
    store = RunStore(runs)
    if test is not None:
        store.check_frozen(test, accept=accept_changed_test)
    with run_recording.recorded("train", runs, console) as record:
        reading = corpora.read_and_show(source, options, console, rejects)
        corpus = reading.corpus
        indices = split(
            corpus,
            validation_share=0.0 if validation else validation_share,
            test_share=0.0 if test else test_share,
            seed=seed,
            group_by=group_column,
            order_by=time_column,
        )
        splits = splits_of(corpus, indices, options, console, validation, test)
        if unlabelled is not None:
            splits = replace(splits, unlabelled=read_unlabelled(unlabelled, console).texts)
        with TrainingProgress(console) as drawn, track_progress(drawn, Path(f"{output}.logs"), config) as progress:
            try:
                shared: dict[str, Any] = {
                    "overwrite": overwrite, "fresh": fresh, "progress": progress, "run_id": record.run.id
                }  # fmt: skip
                searched = None
                if trials is not None:
                    searched = search(splits, config, output, trials=trials, minutes=search_minutes, **shared)
                fitted = fit(splits, config, output, **shared) if searched is None else searched.fitted
            except KeyboardInterrupt:
                progress.stage("stopped; the same command goes on from the last saved state")
                raise
        record.run.config, record.run.seed = config.model_dump(mode="json"), seed
        record.run.data = _data(store, source, validation, test, splits)
        record.run.outputs = {"checkpoint": str(output)}
        record.run.metrics = {fitted.metric: fitted.outcome.best_metric}
    if as_json:
        print_json(_result(reading, splits, fitted) | _found(searched))
    else:
        if searched is not None:
            stdout().print(_told(searched), markup=False)
        outcome = fitted.outcome
        stdout().print(
            f"wrote {output}: validation {fitted.metric} {outcome.best_metric:.4f} (epoch {outcome.best_epoch} of "
            f"{outcome.epochs_run}), {duration(outcome.seconds)}, {outcome.examples_per_second:.0f} examples/s on "
            f"{fitted.device}",
            markup=False,
        )
    return OK


def parse_options(given: Sequence[str]) -> dict[str, str | int | float | bool]:
    """The options in `NAME=VALUE`, as numbers and truths where they look like such.

    >>> parse_options(["layers=2", "student=static"])
    {'layers': 2, 'student': 'static'}
    """
    import json

    parsed: dict[str, str | int | float | bool] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise ConfigError("an option has the form NAME=VALUE", found=each, expected="--set layers=2, for example")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        parsed[name] = read if isinstance(read, bool | int | float) else value
    return parsed


def _config(**options: object) -> TrainingConfig:
    """The options of a run; raises ConfigError with every one that cannot be used, by its name on the command line."""
    from pydantic import ValidationError

    from glossator.training.config import TrainingConfig

    try:
        return TrainingConfig.model_validate(options)
    except ValidationError as error:
        faults = [
            Fault(fault["type"].replace("_", "-"), f"{fault['msg']}, found {fault['input']!r}", _option(fault["loc"]))
            for fault in error.errors(include_url=False)
        ]
        raise ConfigError(
            "the training options cannot be used", faults=faults, hint="See `glossator train --help`."
        ) from None


def _found(searched: SearchResult | None) -> dict[str, object]:
    """What a search came to, as JSON-ready fields; nothing where there was none."""
    if searched is None:
        return {}
    names = ("trials", "pruned", "default_value", "options")
    return {"search": {name: getattr(searched, name) for name in names}}


def _told(searched: SearchResult) -> str:
    """What a search came to, in a line."""
    chosen = ", ".join(f"{name}={value}" for name, value in searched.options.items()) or "the defaults"
    return (
        f"searched {searched.trials} choices, {searched.pruned} of them cut short: {chosen}; the defaults came to "
        f"{searched.default_value:.4f}"
    )


def _option(location: tuple[int | str, ...]) -> str:
    return f"--{location[0]}".replace("_", "-")


def splits_of(
    corpus: Corpus,
    indices: Split,
    options: corpora.ReadingOptions,
    console: Console,
    validation: str | None,
    test: str | None,
) -> Splits:
    """Training, validation and test rows: given files where there are any, else shares of the corpus."""
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.corpus.findings.leakage import check_leakage

    options = replace(options, keep=())
    training_rows = corpus.subset(indices.train)
    known = () if corpus.task == "question-answering" else tuple(corpus.label_names)
    held = corpora.Held(corpus.task, corpus.problem_type, known)
    validation_rows, test_rows = corpus.subset(indices.validation), corpus.subset(indices.test)
    if validation:
        validation_rows = corpora.read_and_show(validation, options.for_measuring(), console, None, held=held).corpus
    if test:
        test_rows = corpora.read_and_show(test, options.for_measuring(), console, None, held=held).corpus
    for name, texts in (("validation", validation_rows.input_keys()), ("test", test_rows.input_keys())):
        leakage = check_leakage(training_rows.input_keys(), texts)
        if leakage.count:
            console.print(f"  found: {leakage.count:,} {name} texts are in the training rows too ({leakage.share:.1%})")
        if leakage.near:
            console.print(f"  found: {leakage.near:,} {name} texts are nearly those of training rows")
    console.print(
        f"· {len(training_rows):,} rows to train on, {len(validation_rows):,} to validate, {len(test_rows):,} to test"
    )
    return Splits(training_rows, validation_rows, test_rows.rows())


def _data(store: RunStore, source: str, validation: str | None, test: str | None, splits: Splits) -> dict[str, Data]:
    """What the run on record says of its rows. Test rows that are a share of the source are frozen with it."""
    train = store.data(source, rows=len(splits.train), fingerprint=splits.train.fingerprint())
    held = store.data(validation or source, rows=len(splits.validation), fingerprint=splits.validation.fingerprint())
    found = {"train": train, "validation": held}
    return found | {"test": store.data(test, rows=len(splits.test))} if test is not None else found


def _result(reading: corpora.Reading, splits: Splits, fitted: FitResult) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "output": str(fitted.output),
        "corpus": reading.to_dict(),
        "rows": {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)},
        "metric": fitted.metric,
        "device": fitted.device,
        "outcome": asdict(fitted.outcome),
        "findings": [asdict(finding) for finding in fitted.findings],
        "task": fitted.task.model_dump(),
    }
