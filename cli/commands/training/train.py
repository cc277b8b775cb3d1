"""`glossator train`"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import OK, Json, Overwrite, Quiet, Threads, print_json, reporter, stdout
from glossator.cli.support.panels import MACHINE, SEARCH, SPLIT, TRAINING
from glossator.service.errors import ConfigError
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.training.hyperparameter_search import SearchResult
    from glossator.workflows.models.training import TrainedModel


@corpus_options.with_reading_options(*corpus_options.LABELLED, "task")
def train(
    source: Annotated[
        str,
        typer.Argument(help="Labelled file, - for stdin, folder of a saved dataset, or name of a hub dataset."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the checkpoint.")],
    algorithm: Annotated[
        str,
        typer.Option(
            help="How to train: majority, tfidf, bag, static, frozen, few-shot, distil, lora, finetune, or a plug-in's."
        ),
    ] = "finetune",
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or the name of a hub model.")
    ] = "starter",
    backbone: Annotated[
        Path | None,
        typer.Option(
            help="Bundle of vectors that stays as it is: train only a small head on it. Many heads share one backbone."
        ),
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="Bundle or checkpoint that distil learns from.")] = None,
    unlabelled: Annotated[
        str | None, typer.Option(help="File of texts without labels, for algorithms that learn from them: distil.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="Also export the checkpoint: folder for the bundle; the model gets its name.")
    ] = None,
    *,
    reading: ReadingOptions,
    drop_rare: Annotated[
        bool,
        typer.Option(
            "--drop-rare", help="Leave out classes with a single row.", rich_help_panel=corpus_options.READING
        ),
    ] = False,
    keep_duplicates: Annotated[
        bool,
        typer.Option(
            "--keep-duplicates", help="Train on exact duplicates too.", rich_help_panel=corpus_options.READING
        ),
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines file for unusable rows; default: OUTPUT.rejects.jsonl.",
            rich_help_panel=corpus_options.READING,
        ),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(help="Labelled file to choose the best epoch and thresholds on.", rich_help_panel=SPLIT),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(help="Labelled file for the final measurement; not used in training.", rich_help_panel=SPLIT),
    ] = None,
    validation_share: Annotated[
        float,
        typer.Option(
            min=0.01, max=0.5, help="Share of rows for validation, without --validation.", rich_help_panel=SPLIT
        ),
    ] = 0.1,
    test_share: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of rows for the test, without --test.", rich_help_panel=SPLIT)
    ] = 0.1,
    out_of_scope: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|LABEL",
            help="Texts that no label fits: a file, or a label of the rows. Never trained on; export measures how many "
            "of them the model finds.",
            rich_help_panel=SPLIT,
        ),
    ] = None,
    out_of_scope_share: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.49,
            help="Share of in-scope texts that answers may call out of scope; 0: answers do not say it.",
            rich_help_panel=TRAINING,
        ),
    ] = 0.05,
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Keep rows with the same value in this column on the same side of the split: customers, documents.",
            rich_help_panel=SPLIT,
        ),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            help="Split by time: train on the earliest rows, validate on later ones, test on the latest.",
            rich_help_panel=SPLIT,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="Seed of the split, the first weights and the order of batches.", rich_help_panel=TRAINING),
    ] = 13,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most passes over the training rows; default: the algorithm's.", rich_help_panel=TRAINING
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Windows per batch; default: the algorithm's.", rich_help_panel=TRAINING),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate; default: the algorithm's.", rich_help_panel=TRAINING)
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Tokens per window; longer texts get several windows.", rich_help_panel=TRAINING),
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Tokens that neighbouring windows share.", rich_help_panel=TRAINING)
    ] = None,
    label_smoothing: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.99,
            help="Share of the target that is spread over all labels; single-label only.",
            rich_help_panel=TRAINING,
        ),
    ] = 0.1,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after this many epochs without a better validation metric.", rich_help_panel=TRAINING
        ),
    ] = None,
    options_given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An option of the algorithm; may be repeated.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Discard an interrupted training instead of resuming it.", rich_help_panel=TRAINING
        ),
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(
            "--search",
            min=1,
            help="Try this many choices of the algorithm's options and keep the best.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    search_minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Stop the search after this time.", rich_help_panel=SEARCH)
    ] = None,
    precision: Annotated[
        Literal["auto", "bf16", "fp32"],
        typer.Option(help="auto: bf16 if the processor supports it.", rich_help_panel=MACHINE),
    ] = "auto",
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto: CUDA if available.", rich_help_panel=MACHINE)
    ] = "auto",
    threads: Threads = None,
    runs: run_options.Runs = run_options.RUNS,
    accept_changed_test: run_options.AcceptChangedTest = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train a model on a labelled file.

    Reads and checks the rows, splits them unless files are given, trains with early stopping, and writes a checkpoint.
    Unusable rows are counted and written to a separate file. An interrupted training resumes when you repeat the
    command, and gives the same result.

    \b
    Examples:
      glossator train tickets.csv --label-column category -o checkpoints/tickets
      glossator train tickets.csv -o checkpoints/tickets --export models/tickets
      glossator train tickets.csv --label-column tags --label-separator '|' -o checkpoints/tags
      glossator train intents.csv --out-of-scope other -o checkpoints/intents
      glossator train entities.conll -o checkpoints/entities
      glossator train tickets.csv --backbone models/encoder -o checkpoint --export models/tickets
      glossator train tickets.csv --algorithm tfidf -o checkpoints/tickets-tfidf
      glossator train tickets.csv --algorithm distil --teacher models/tickets -o checkpoints/small
    """
    from glossator.workflows.corpus.data_splits import DataSources
    from glossator.workflows.models.training import check_config, train_model

    config = check_config(
        {
            "algorithm": algorithm,
            "options": parse_options(options_given or ()),
            "teacher": teacher,
            "base": base,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "label_smoothing": label_smoothing,
            "max_length": max_length,
            "stride": stride,
            "patience": patience,
            "seed": seed,
            "precision": precision,
            "device": device,
            "threads": threads,
            "out_of_scope_share": out_of_scope_share,
        }
    )
    sources = DataSources(
        source=source,
        validation=validation,
        test=test,
        validation_share=validation_share,
        test_share=test_share,
        group_column=group_column,
        time_column=time_column,
        seed=seed,
        out_of_scope=out_of_scope,
    )
    if export is not None:
        _check_export(export, output, overwrite)
    progress, store = reporter(quiet=quiet), run_options.open_store(runs)
    trained = train_model(
        sources,
        output,
        config,
        replace(reading, drop_duplicates=not keep_duplicates, drop_rare=drop_rare),
        store,
        progress,
        backbone=backbone,
        unlabelled=unlabelled,
        trials=trials,
        search_minutes=search_minutes,
        rejects=rejects,
        accept_changed_test=accept_changed_test,
        fresh=fresh,
        overwrite=overwrite,
    )
    result = trained.to_dict()
    if not as_json:
        _print(trained)
    if export is not None:
        from glossator.cli.commands.bundles.export import print_exported, to_json
        from glossator.workflows.models.bundle_export import export_checkpoint

        exported = export_checkpoint(output, export, store, progress, backbone=backbone, overwrite=overwrite).exported
        result["export"] = to_json(exported)
        if not as_json:
            print_exported(exported)
    if as_json:
        print_json(result)
    return OK


def parse_options(given: Sequence[str]) -> dict[str, str | int | float | bool]:
    """Return the options in `NAME=VALUE`; values that look like numbers or booleans become such.

    >>> parse_options(["layers=2", "student=static"])
    {'layers': 2, 'student': 'static'}
    """
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


def _check_export(folder: Path, checkpoint: Path, overwrite: bool) -> None:
    """Raise an error before hours of training if the bundle could not be written at the end."""
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.bundle.names import check_model_name
    from glossator.service.files.atomic_folder import check_destination
    from glossator.workflows.extras import require_extra

    require_extra("export")
    check_model_name(folder.resolve().name, hint="The model gets the name of the folder: choose another --export.")
    if folder.resolve() == checkpoint.resolve():
        raise ConfigError("--export and --output are the same folder", found=folder, hint="Choose another --export.")
    check_destination(folder, overwrite=overwrite, markers=FOLDER_MARKERS)


def _print(trained: TrainedModel) -> None:
    from glossator.cli.support.progress import duration

    if trained.searched is not None:
        stdout().print(_search_line(trained.searched), markup=False)
    fitted, outcome = trained.fitted, trained.fitted.outcome
    stdout().print(
        f"wrote {fitted.output}: validation {fitted.metric} {outcome.best_metric:.4f} (epoch {outcome.best_epoch} of "
        f"{outcome.epochs_run}), {duration(outcome.seconds)}, {outcome.examples_per_second:.0f} examples/s on "
        f"{fitted.device}",
        markup=False,
    )


def _search_line(searched: SearchResult) -> str:
    chosen = ", ".join(f"{name}={value}" for name, value in searched.options.items()) or "the defaults"
    return (
        f"tried {searched.trials} choices, stopped {searched.pruned} of them early; best: {chosen}; the defaults "
        f"reached {searched.default_value:.4f}"
    )
