"""`glossator wrangle`"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import corpus as corpora
from cli.console import OK, REJECTED_ROWS, Json, Quiet, need, print_json, stderr
from service.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from training.corpus.corpus import Corpus
    from training.corpus.suspects import Suspect


def wrangle(
    source: Annotated[
        str, typer.Argument(help="Labelled file, - for stdin, a saved dataset's folder, or a hub dataset's name.")
    ],
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    second_column: corpora.SecondColumn = None,
    task: corpora.TaskOption = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    dataset_split: corpora.DatasetSplit = None,
    rejects: Annotated[Path | None, typer.Option(help="Write rows that cannot be used to this JSONL file.")] = None,
    label_errors: Annotated[
        bool,
        typer.Option("--label-errors", help="Look for labels that are likely wrong; reads every text with an encoder."),
    ] = False,
    base: Annotated[str, typer.Option(help="Encoder for that: starter, a local folder, or a hub name.")] = "starter",
    review: Annotated[
        Path | None,
        typer.Option(help="Write these rows as tasks for Label Studio (.json) or Prodigy (.jsonl)."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Report everything that is notable in a labelled file; change nothing.

    Exits with 3 if rows cannot be used, with 1 if the corpus as a whole cannot be trained on.

    \b
    Examples:
      glossator wrangle tickets.csv --label-column category --rejects rejects.jsonl
      glossator wrangle tickets.csv --label-column category --label-errors --review review.json
      zcat tickets.csv.gz | glossator wrangle - --input-format csv --json
    """
    options = corpora.ReadingOptions(
        text_column,
        label_column,
        label_separator,
        input_format,
        encoding,
        delimiter,
        dataset_split,
        drop_duplicates=True,
        second_column=second_column,
        task=task,
    )
    console = stderr(quiet=quiet)
    reading = corpora.inspect(source, options, console, rejects)
    suspects: list[Suspect] = []
    if review is not None and not label_errors:
        raise ConfigError("--review goes with --label-errors", way_out="Give both.")
    if label_errors and reading.error is None:
        suspects = _suspects(reading.corpus, base, console)
        reading = replace(reading, corpus=_with_finding(reading.corpus, suspects))
        if review is not None:
            _write_review(review, suspects, console)
    if as_json:
        print_json(reading.to_dict() | ({"suspects": [each.to_dict() for each in suspects]} if label_errors else {}))
    else:
        typer.echo("\n".join(reading.report_lines()))
    if reading.error is not None:
        raise reading.error
    return REJECTED_ROWS if reading.corpus.rejects else OK


def _suspects(corpus: Corpus, base: str, console: Console) -> list[Suspect]:
    need("training")
    from training.config import TrainingConfig
    from training.corpus.suspects import find_suspects
    from training.embed import embed

    console.print(f"· reading {len(corpus):,} texts with the encoder {base}", markup=False)
    vectors = embed(
        corpus.texts,
        TrainingConfig(base=base),
        progress=lambda done: console.print(f"  {done:,} of {len(corpus):,} texts"),
    )
    console.print("· judging every row by classifiers that have not seen it")
    return find_suspects(corpus, vectors)


def _with_finding(corpus: Corpus, suspects: list[Suspect]) -> Corpus:
    from training.corpus.suspects import finding

    return replace(corpus, findings=[*corpus.findings, finding(corpus, suspects)]) if suspects else corpus


def _write_review(path: Path, suspects: list[Suspect], console: Console) -> None:
    from cli.files import write_files
    from training.corpus.review import label_studio, prodigy

    kinds = {".json": label_studio, ".jsonl": prodigy}
    if path.suffix not in kinds:
        raise ConfigError("the review's format cannot be told", found=path, expected="a name ending in .json or .jsonl")
    write_files(path.parent, {path.name: kinds[path.suffix](suspects)})
    console.print(f"· wrote {len(suspects):,} rows to review to {path}", markup=False)
