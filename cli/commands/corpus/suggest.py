"""`glossator suggest`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from glossator.cli.support import corpus_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, echo, print_json, reporter
from glossator.workflows.corpus.reading_options import ReadingOptions

OUTPUT_FORMATS = ".json (Label Studio tasks), .jsonl (Prodigy examples) or .csv"


@corpus_options.with_reading_options("text_column", *corpus_options.FORMAT)
def suggest(
    model: Annotated[Path, typer.Argument(help="A bundle or a checkpoint that classifies texts.")],
    source: Annotated[str, typer.Argument(help="File of texts without labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"File for the suggestions: {OUTPUT_FORMATS}.")],
    count: Annotated[int, typer.Option(min=1, help="How many texts to suggest.")] = 100,
    strategy: Annotated[
        Literal["uncertain", "diverse", "both"],
        typer.Option(help="Texts that the model is least sure of, texts that differ most, or both combined."),
    ] = "both",
    seed: Annotated[int, typer.Option(help="Seed of the clustering.")] = 0,
    *,
    reading: ReadingOptions,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Choose which unlabelled texts to label next.

    Ranks the texts by how unsure the model is of them, and avoids similar ones. Open the file in a labelling tool;
    `glossator train` reads what the tool exports. Exits with 3 if some rows have no text.

    \b
    Examples:
      glossator suggest models/tickets mail.csv --count 200 -o next.json
      glossator suggest models/tickets mail.csv --strategy uncertain -o next.csv
    """
    from glossator.workflows.models.active_learning import suggest_texts

    suggested = suggest_texts(
        model,
        source,
        output,
        reporter(quiet=quiet),
        count=count,
        strategy=strategy,
        text_column=reading.text_column,
        input_format=reading.input_format,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        seed=seed,
        overwrite=overwrite,
    )
    read, chosen = suggested.read, len(suggested.suggestions)
    if as_json:
        print_json(
            {
                "output": str(output),
                "texts": len(read.texts),
                "unusable": read.unusable,
                "suggested": chosen,
                "strategy": strategy,
                "mean_uncertainty": suggested.mean_uncertainty,
            }
        )
    else:
        echo(f"wrote {output}: {chosen:,} of {len(read.texts):,} texts to label next ({strategy})")
    return REJECTED_ROWS if read.unusable else OK
