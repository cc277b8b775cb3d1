"""`glossator wrangle`"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, need, print_json, stderr
from glossator.service.errors import ConfigError, ExtraMissing

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.training.corpus.corpus import Corpus
    from glossator.training.corpus.finding import Finding
    from glossator.training.corpus.findings.entity_errors import SuspectWord
    from glossator.training.corpus.findings.label_errors import SuspectLabel
    from glossator.training.corpus.findings.leakage import Leakage


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
    against: Annotated[
        str | None,
        typer.Option(help="Labelled file that must share no text with this one, the test file for example."),
    ] = None,
    label_errors: Annotated[
        bool,
        typer.Option("--label-errors", help="Look for labels that are likely wrong; reads every text with an encoder."),
    ] = False,
    base: Annotated[str, typer.Option(help="Encoder for that: starter, a local folder, or a hub name.")] = "starter",
    review: Annotated[
        Path | None,
        typer.Option(help="Write these rows as tasks for Label Studio (.json) or Prodigy (.jsonl)."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report, its pictures and the data card.")
    ] = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Mend what can be mended: write a cleaned copy and every change to --output."),
    ] = False,
    rule: Annotated[
        list[str] | None, typer.Option(help="Mend this too, a finding's name; may be given several times.")
    ] = None,
    without_rule: Annotated[list[str] | None, typer.Option(help="Leave this as it is.")] = None,
    answers: Annotated[
        Path | None, typer.Option(help="What reviewers answered to --review: an export of Label Studio or Prodigy.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Report everything that is notable in a labelled file; with --apply, write a cleaned copy beside it.

    The file itself is never touched. Exits with 3 if rows cannot be used, with 1 if the corpus as a whole cannot be
    trained on.

    \b
    Examples:
      glossator wrangle tickets.csv --label-column category -o report
      glossator wrangle tickets.csv --label-column category --label-errors --review review.json
      glossator wrangle tickets.csv --apply --rule html-remains --answers reviewed.json -o cleaned
      zcat tickets.csv.gz | glossator wrangle - --input-format csv --json
    """
    need("evaluation")
    from glossator.cli.support import corpus_report
    from glossator.cli.support.files import write_files
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import atomic_folder
    from glossator.training.corpus.cleaning.cleaning_rules import EXACT, LABEL_NAMES, RARE, choose_rules, mend
    from glossator.training.corpus.cleaning.review_queue import read_answers
    from glossator.training.corpus.findings.leakage import finding as leaks
    from glossator.workflows.cleaned_folder import write_mended

    rules = choose_rules(rule or (), without_rule or ())
    options = corpora.ReadingOptions(
        text_column,
        label_column,
        label_separator,
        input_format,
        encoding,
        delimiter,
        dataset_split,
        drop_duplicates=EXACT in rules,
        drop_rare=RARE in rules,
        fix_label_names=LABEL_NAMES in rules,
        second_column=second_column,
        task=task,
    )
    _check(source, apply, output, overwrite, rule, without_rule, answers, review, label_errors)
    console = stderr(quiet=quiet)
    reading = corpora.inspect(source, options, console, rejects)
    suspects: list[SuspectLabel] | list[SuspectWord] = []
    leakage = None
    if len(reading.corpus):
        if against is not None:
            leakage = _leakage(reading.corpus, against, options, console)
            reading = _noting(reading, leaks(reading.corpus, leakage, against))
        reading = _noting(reading, _long_texts(reading.corpus, base, console))
    if label_errors and reading.error is None:
        suspects, doubt = _suspects(reading.corpus, base, console)
        reading = _noting(reading, [doubt] if suspects else [])
        if review is not None:
            _write_review(review, reading.corpus, suspects, console)
    mended = None
    if apply and reading.error is None:
        given = read_answers(answers) if answers is not None else []
        mended = mend(reading.corpus, rules, leakage=leakage, answers=given)
    written = None
    if output is not None:
        with atomic_folder(output, overwrite=overwrite, markers=FOLDER_MARKERS) as aside:
            if mended is not None:
                written = write_mended(source, options, mended, aside, console)
            write_files(aside, corpus_report.files(reading, mended, written))
        console.print(f"· wrote {output}", markup=False)
    if as_json:
        told = reading.to_dict()
        told |= {"suspects": [each.to_dict() for each in suspects]} if suspects else {}
        print_json(told | ({"mended": asdict(written)} if written is not None else {}))
    else:
        typer.echo("\n".join(reading.report_lines()))
        if written is not None:
            typer.echo("\n".join(corpus_report.mended_lines(written, output)))
    if reading.error is not None:
        raise reading.error
    return REJECTED_ROWS if reading.corpus.rejects else OK


def _check(
    source: str,
    apply: bool,
    output: Path | None,
    overwrite: bool,
    rule: list[str] | None,
    without_rule: list[str] | None,
    answers: Path | None,
    review: Path | None,
    label_errors: bool,
) -> None:
    """Raises ConfigError for options that go with others that are not there, OutputError for a folder that is taken."""
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import check_destination
    from glossator.workflows.cleaned_folder import check_can_apply

    if review is not None and not label_errors:
        raise ConfigError("--review goes with --label-errors", hint="Give both.")
    if apply and output is None:
        raise ConfigError("--apply goes with --output", hint="Name a folder for the cleaned copy: -o cleaned.")
    if not apply and (rule or without_rule or answers):
        raise ConfigError("--rule, --without-rule and --answers go with --apply", hint="Give --apply too.")
    if apply:
        check_can_apply(source)
    if output is not None:
        check_destination(output, overwrite=overwrite, markers=FOLDER_MARKERS)


def _noting(reading: corpora.Reading, findings: list[Finding]) -> corpora.Reading:
    corpus = replace(reading.corpus, findings=[*reading.corpus.findings, *findings])
    return replace(reading, corpus=corpus)


def _leakage(corpus: Corpus, against: str, options: corpora.ReadingOptions, console: Console) -> Leakage:
    from glossator.training.corpus.findings.leakage import check_leakage

    other = corpora.inspect(against, options.for_measuring(), console, None).corpus
    return check_leakage(other.input_keys(), corpus.input_keys())


def _long_texts(corpus: Corpus, base: str, console: Console) -> list[Finding]:
    from glossator.training.corpus.findings.token_lengths import find_long_texts, may_have_long_texts

    if not may_have_long_texts(corpus):
        return []
    try:
        need("training")
        return find_long_texts(corpus, base)
    except ExtraMissing as missing:
        console.print(f"· texts are not counted in tokens: {missing.message}", markup=False)
        return []


def _suspects(corpus: Corpus, base: str, console: Console) -> tuple[list[SuspectLabel] | list[SuspectWord], Finding]:
    """Labels, or words of entities, that are likely wrong, and the finding that tells of them."""
    need("training")
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.findings import entity_errors, label_errors
    from glossator.training.text_vectors import embed, embed_words

    def progress(done: int) -> None:
        console.print(f"  {done:,} of {len(corpus):,} texts")

    console.print(f"· reading {len(corpus):,} texts with the encoder {base}", markup=False)
    config = TrainingConfig(base=base)
    if corpus.task == "token-classification":
        words = embed_words(corpus.texts, config, progress=progress)
        console.print("· judging every word by classifiers that have not seen its text")
        entities = entity_errors.find_entity_errors(corpus, words)
        return entities, entity_errors.entity_error_finding(corpus, entities)
    vectors = embed(corpus.texts, config, progress=progress)
    console.print("· judging every row by classifiers that have not seen it")
    labels = label_errors.find_label_errors(corpus, vectors)
    return labels, label_errors.finding(corpus, labels)


def _write_review(path: Path, corpus: Corpus, suspects: list[SuspectLabel] | list[SuspectWord], console: Console) -> None:
    from glossator.cli.support.files import write_files
    from glossator.training.corpus.cleaning import review_queue
    from glossator.training.corpus.findings.entity_errors import SuspectWord

    if path.suffix not in (".json", ".jsonl"):
        raise ConfigError("the review's format cannot be told", found=path, expected="a name ending in .json or .jsonl")
    studio = path.suffix == ".json"
    entities = [each for each in suspects if isinstance(each, SuspectWord)]
    labels = [each for each in suspects if not isinstance(each, SuspectWord)]
    if corpus.task == "token-classification":
        written = (review_queue.label_studio_entities if studio else review_queue.prodigy_entities)(corpus, entities)
    else:
        written = (review_queue.label_studio if studio else review_queue.prodigy)(labels)
    write_files(path.parent, {path.name: written})
    rows = len({each.line for each in suspects})
    console.print(f"· wrote {rows:,} rows to review to {path}", markup=False)
