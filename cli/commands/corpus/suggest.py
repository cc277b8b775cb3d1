"""`glossator suggest`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, need, print_json, stderr
from glossator.service.errors import ConfigError, OutputError
from glossator.workflows.unlabelled_texts import Unlabelled, read_unlabelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glossator.evaluation.analysis.suggestions import Suggestion

_FORMATS = ".json (Label Studio tasks), .jsonl (Prodigy examples) or .csv"


def suggest(
    model: Annotated[Path, typer.Argument(help="A bundle or a checkpoint that classifies texts.")],
    source: Annotated[str, typer.Argument(help="File of texts without labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"Where they are written: {_FORMATS}.")],
    count: Annotated[int, typer.Option(min=1, help="How many texts.")] = 100,
    strategy: Annotated[
        Literal["uncertain", "diverse", "both"],
        typer.Option(help="Least sure, unlike one another, or both: one of each kind that it is unsure of."),
    ] = "both",
    text_column: corpora.TextColumn = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    seed: Annotated[int, typer.Option(help="Decides the clusters.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Choose which unlabelled texts to label next.

    Ranks the texts by how unsure the model is of them and takes care that no two are alike. The file goes to a
    labelling tool; its export is read by `glossator train`. Exits with 3 if some rows held no text.

    \b
    Examples:
      glossator suggest models/tickets mail.csv --count 200 -o next.json
      glossator suggest models/tickets mail.csv --strategy uncertain -o next.csv
    """
    need("evaluation")
    from glossator.cli.commands.training.evaluate import open_pipeline
    from glossator.evaluation.analysis.suggestions import suggest as rank
    from glossator.service.bundle.task import Classifier
    from glossator.service.files.atomic_write import refuse_same_file
    from glossator.service.tasks.text_classification import probabilities

    if output.suffix not in (".json", ".jsonl", ".csv"):
        raise ConfigError(
            "the format of the output cannot be told", found=output, expected=f"a name ending in {_FORMATS}"
        )
    refuse_same_file(str(output), [source])
    if output.exists() and not overwrite:
        raise OutputError("the output file exists already", found=output, hint="Choose another, or pass --overwrite.")
    console = stderr(quiet=quiet)
    pipeline = open_pipeline(model)
    task = pipeline.task
    if not isinstance(task, Classifier) or task.task != "text-classification":
        raise ConfigError(
            "suggest needs a model that classifies texts",
            found=f"{model}: {task.task}",
            hint="Train one: glossator train.",
        )
    read = read_unlabelled(
        source, console, text_column=text_column, input_format=input_format, encoding=encoding, delimiter=delimiter
    )
    console.print(f"· asking the model about {len(read.texts):,} texts")
    probability = probabilities(pipeline.logits(read.texts), task)
    found = rank(read.texts, probability, task, count=count, strategy=strategy, seed=seed)
    _write(output, read, found, list(task.labels))
    result = {
        "output": str(output),
        "texts": len(read.texts),
        "unusable": read.unusable,
        "suggested": len(found),
        "strategy": strategy,
        "mean_uncertainty": sum(each.uncertainty for each in found) / len(found),
    }
    if as_json:
        print_json(result)
    else:
        typer.echo(f"wrote {output}: {len(found):,} of {len(read.texts):,} texts to label next ({strategy})")
    return REJECTED_ROWS if read.unusable else OK


def _write(output: Path, read: Unlabelled, found: Sequence[Suggestion], labels: list[str]) -> None:
    """The suggestions in the format that the file's name asks for."""
    from glossator.service.documents.row_formats import open_sink
    from glossator.service.files.atomic_write import AtomicFile

    rows = [_fields(read, each) for each in found]
    if output.suffix == ".csv":
        with open_sink(output, list(rows[0])) as sink:
            for row in rows:
                sink.write(row)
        return
    from glossator.training.corpus.cleaning.review_queue import suggestions_label_studio, suggestions_prodigy

    words = suggestions_label_studio(rows) if output.suffix == ".json" else suggestions_prodigy(rows, labels)
    aside = AtomicFile(str(output))
    try:
        aside.write(words.encode("utf-8"))
        aside.commit()
    finally:
        aside.discard()


def _fields(read: Unlabelled, suggestion: Suggestion) -> dict[str, object]:
    """A text with an empty label to fill in, and why it was chosen."""
    return {
        "line": read.lines[suggestion.row],
        "text": read.texts[suggestion.row],
        "label": "",
        "likeliest": suggestion.label,
        "probability": round(suggestion.probability, 4),
        "uncertainty": round(suggestion.uncertainty, 4),
    }
