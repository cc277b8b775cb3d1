"""The rows or texts by which an imported model is proved: those of the user, or texts that Glossator has."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from glossator.export.importing.imported_checkpoint import ForeignModel, usable_rows
from glossator.export.importing.sample_texts import sample_pairs
from glossator.modeling.labelled_rows import LabelledRows, row_keys, select_rows
from glossator.service.bundle.manifest import Evidence
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import reads_pairs
from glossator.workflows.corpus.reading import read_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions, labels_of
from glossator.workflows.corpus.unlabelled_texts import read_unlabelled
from glossator.workflows.reporter import Reporter

_FEWEST_ROWS = 20
"""Fewer labelled rows cannot be divided into rows that choose the graph and rows that measure it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the user has to prove the bundle with: labelled rows, or texts, or neither."""

    data: str | None = None
    """A labelled source. Half of its rows choose and calibrate the graph, the other half measures it."""
    test: str | None = None
    """A labelled source to measure the bundle on; then all rows of `data` choose and calibrate."""
    texts: str | None = None
    """A source of texts without labels."""

    def check(self) -> None:
        """Raise ConfigError if the parts do not fit together."""
        if self.data is not None and self.texts is not None:
            raise ConfigError(
                "a model is proved with labelled rows or with texts, not with both",
                found=f"--data {self.data} and --texts {self.texts}",
                hint="Leave --texts out: labelled rows prove more.",
            )
        if self.test is not None and self.data is None:
            raise ConfigError(
                "--test measures, but there are no rows to choose the graph by",
                found=f"--test {self.test}",
                hint="Pass --data too; without --test, half of its rows measure the bundle.",
            )


@dataclass(frozen=True, slots=True)
class ProvingRows:
    """The rows that choose the graph, those that measure it, how many could not be used, and the kind of evidence."""

    rows: LabelledRows
    test: LabelledRows | None = None
    rejected: int = 0
    evidence: Evidence | None = None


def find_proving_rows(proof: Proof, foreign: ForeignModel, options: ReadingOptions, reporter: Reporter) -> ProvingRows:
    """Return the rows that prove the bundle of a model.

    Raises ConfigError if they are too few, if the model can read none, or if they do not fit the task.
    """
    task = foreign.task
    if proof.data is not None:
        rows, rejected = _labelled(proof.data, foreign, options, reporter)
        if proof.test is not None:
            test, more = _labelled(proof.test, foreign, options, reporter)
            return ProvingRows(rows, test, rejected + more)
        first, second = divide_rows(rows)
        reporter.stage(f"{len(first):,} rows choose and calibrate the graph, {len(second):,} others measure it")
        return ProvingRows(first, second, rejected)
    if proof.texts is not None:
        if reads_pairs(task):
            raise ConfigError(
                "texts without labels prove only models that read one text",
                found=f"{task.task}, --texts {proof.texts}",
                hint="Pass labelled rows as --data, or neither.",
            )
        texts = read_unlabelled(
            proof.texts,
            reporter,
            text_column=options.text_column,
            input_format=options.input_format,
            encoding=options.encoding,
            delimiter=options.delimiter,
        ).texts
        return unlabelled_proof(texts, None, foreign, "texts")
    reporter.stage("no rows and no texts were given: compared on texts that Glossator has, not measured on your data")
    first_texts, seconds = sample_pairs()
    return unlabelled_proof(first_texts, seconds if reads_pairs(task) else None, foreign, "sample")


def unlabelled_proof(
    texts: list[str], seconds: list[str] | None, foreign: ForeignModel, evidence: Evidence
) -> ProvingRows:
    """Return texts, or pairs of them, as rows without labels. Raises ConfigError if the model can read none."""
    rows = usable_rows(foreign, LabelledRows(texts, [()] * len(texts), seconds=seconds))
    if not len(rows):
        raise ConfigError("the model can read none of the texts", found=f"{len(texts):,} texts, none with tokens")
    return ProvingRows(rows, evidence=evidence)


def _labelled(
    source: str, foreign: ForeignModel, options: ReadingOptions, reporter: Reporter
) -> tuple[LabelledRows, int]:
    expected = replace(labels_of(foreign.task), keep_unknown=False)  # rows that calibrate need known labels
    corpus = read_corpus(source, options.for_evaluation(), reporter, expected=expected).corpus
    rows = corpus.rows()
    usable = usable_rows(foreign, rows)
    return usable, len(corpus.rejects) + len(rows) - len(usable)


def divide_rows(rows: LabelledRows) -> tuple[LabelledRows, LabelledRows]:
    """Divide the rows by chance into two halves; rows with the same input stay together.

    Raises ConfigError if they are too few.
    """
    if len(rows) < _FEWEST_ROWS:
        raise ConfigError(
            "there are too few labelled rows to choose the graph and to measure it",
            found=f"{len(rows)} rows",
            expected=f"{_FEWEST_ROWS} or more",
            hint="Give more rows, or texts without labels.",
        )
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(row_keys(rows.texts, rows.seconds)):
        groups.setdefault(key, []).append(row)
    keys = list(groups)
    random.Random(13).shuffle(keys)
    first: list[int] = []
    second: list[int] = []
    for key in keys:
        (first if len(first) <= len(second) else second).extend(groups[key])
    return select_rows(rows, sorted(first)), select_rows(rows, sorted(second))
