"""Chooses unlabelled texts to label next and writes them for a labelling tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError, OutputError
from glossator.workflows.corpus.unlabelled_texts import UnlabelledTexts, read_unlabelled
from glossator.workflows.extras import require_extra
from glossator.workflows.report_files import write_text
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.evaluation.analysis.suggestions import Strategy, Suggestion

OUTPUT_FORMATS = ".json (Label Studio tasks), .jsonl (Prodigy examples) or .csv"


@dataclass(frozen=True, slots=True)
class SuggestedTexts:
    """The texts that were read and the suggestions among them."""

    read: UnlabelledTexts
    suggestions: Sequence[Suggestion]

    @property
    def mean_uncertainty(self) -> float:
        """Mean of how unsure the model is of the suggested texts, from 0 to 1."""
        return sum(each.uncertainty for each in self.suggestions) / len(self.suggestions)


def suggest_texts(
    model: Path,
    source: str,
    output: Path,
    reporter: Reporter,
    *,
    count: int = 100,
    strategy: Strategy = "both",
    text_column: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> SuggestedTexts:
    """Rank the texts of `source` by how unsure the model is of them, and write the best `count` to `output`.

    Raises ConfigError for a model that does not classify texts or an unknown format of the output, OutputError if the
    output exists.
    """
    require_extra("evaluation")
    from glossator.evaluation.analysis.suggestions import suggest_texts
    from glossator.service.bundle.task import Classifier
    from glossator.service.files.paths import refuse_same_file
    from glossator.service.tasks.rating import is_rating
    from glossator.service.tasks.text_classification import probabilities
    from glossator.workflows.models.evaluation import open_model

    if output.suffix not in (".json", ".jsonl", ".csv"):
        raise ConfigError("unknown format of the output", found=output, expected=f"a name ending in {OUTPUT_FORMATS}")
    refuse_same_file(str(output), [source])
    if output.exists() and not overwrite:
        raise OutputError("the output file exists already", found=output, hint="Choose another, or pass --overwrite.")
    pipeline = open_model(model)
    task = pipeline.task
    if not isinstance(task, Classifier) or task.task != "text-classification" or is_rating(task):
        raise ConfigError(
            "suggest needs a model that classifies texts",
            found=f"{model}: {task.task}{' with scores' if is_rating(task) else ''}",
            hint="Train one: glossator train.",
        )
    read = read_unlabelled(
        source, reporter, text_column=text_column, input_format=input_format, encoding=encoding, delimiter=delimiter
    )
    reporter.stage(f"predicting {len(read.texts):,} texts")
    probability = probabilities(pipeline.logits(read.texts), task)
    found = suggest_texts(read.texts, probability, task, count=count, strategy=strategy, seed=seed)
    _write(output, read, found, list(task.labels))
    return SuggestedTexts(read, found)


def _write(output: Path, read: UnlabelledTexts, suggestions: Sequence[Suggestion], labels: list[str]) -> None:
    """Write the suggestions in the format that the suffix of the file names."""
    from glossator.service.documents.row_writer import open_row_writer
    from glossator.training.corpus.cleaning.review_queue import (
        suggestion_label_studio_tasks,
        suggestion_prodigy_examples,
    )

    rows = [_row(read, each) for each in suggestions]
    if output.suffix == ".csv":
        with open_row_writer(output, list(rows[0])) as sink:
            for row in rows:
                sink.write(row)
        return
    text = (
        suggestion_label_studio_tasks(rows) if output.suffix == ".json" else suggestion_prodigy_examples(rows, labels)
    )
    write_text(output, text)


def _row(read: UnlabelledTexts, suggestion: Suggestion) -> dict[str, object]:
    """Return a text with an empty label to fill in, and why it was chosen."""
    return {
        "line": read.lines[suggestion.row],
        "text": read.texts[suggestion.row],
        "label": "",
        "likeliest": suggestion.label,
        "probability": round(suggestion.probability, 4),
        "uncertainty": round(suggestion.uncertainty, 4),
    }
