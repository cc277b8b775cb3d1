"""Rows of text pairs with a label, with a score, or with neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glossator.service.bundle.task import ProblemType, TaskName
from glossator.service.documents.column_names import PAIR_COLUMNS
from glossator.service.documents.decision import Decision
from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.column_detection import LABEL_COLUMNS, ColumnRoles
from glossator.training.corpus.reading.labels.label_form_detection import detect_label_form
from glossator.training.corpus.reading.labels.label_forms import LabelForm, LabelNames
from glossator.training.corpus.reading.labels.label_reader import LabelReader
from glossator.training.corpus.reading.parsed_row import ParsedRow, read_named_text
from glossator.training.corpus.reading.score_rows import read_score
from glossator.training.corpus.row import Row

PAIR_LABEL_COLUMNS = (*LABEL_COLUMNS, "entailment", "gold_label", "score", "similarity", "relatedness", "relevance")
"""Names of the column with the label or score of a pair, in order of preference."""
MAX_CLASS_NUMBERS = 10
"""Whole numbers with up to this many different values are classes; more values, or fractions, are scores."""


class PairRows:
    """Reads pairs of texts. Only embeddings are trained on pairs without a label column."""

    problem_type: ProblemType

    def __init__(
        self,
        names: Sequence[str],
        head: Sequence[Row],
        roles: ColumnRoles,
        task: TaskName,
        known_labels: Sequence[str] | None,
        problem_type: ProblemType | None,
        *,
        label_names: LabelNames | None = None,
        keep_unknown: bool = False,
    ) -> None:
        given = (roles.text, roles.second) if roles.text and roles.second else None
        pair = given or find_pair(names) or (roles.text or "", roles.second or "")
        label = roles.label or next((name for name in PAIR_LABEL_COLUMNS if name in names and name not in pair), None)
        if names and (not set(pair) <= set(names) or (label is None and task == "text-pair")):
            raise UnknownColumn(
                "the columns of the two texts and their label cannot be detected from their names",
                found=f"columns {', '.join(names)}",
                hint="Name them: --text-column NAME --second-column NAME --label-column NAME.",
            )
        if label is not None and label not in names and names:
            raise UnknownColumn("there is no such label column", found=label, expected=f"one of {', '.join(names)}")
        if problem_type is None:
            values = [row.fields.get(label) for row in head if row.fields] if label else []
            problem_type = "regression" if _are_scores(values) else "single_label_classification"
        self.decisions: list[Decision] = []
        self._form = LabelForm("names", label or "")
        if label is not None and problem_type != "regression":
            self._form, self.decisions = detect_label_form(label, head, label_names or LabelNames())
        self.problem_type = problem_type
        self._pair = pair
        self._label = label
        self._labels = LabelReader("single_label_classification", known=known_labels, keep_unknown=keep_unknown)
        self.columns = CorpusColumns(
            pair[0],
            label or "",
            tuple(names),
            "as given" if given else "by their names",
            "as given" if roles.label else "by its name",
            "the values are scores" if problem_type == "regression" else "the values are classes",
            second=pair[1],
            form=self._form,
        )

    def read(self, fields: Mapping[str, object]) -> ParsedRow:
        """The two texts and their label or score; raises RowFault."""
        first, second = (read_named_text(fields, name) for name in self._pair)
        if self._label is None:
            return ParsedRow(first, second=second)
        if self.problem_type == "regression":
            return ParsedRow(first, second=second, score=read_score(fields.get(self._label)))
        return ParsedRow(first, second=second, labels=self._labels.read(self._form.cell(fields)))


def find_pair(names: Sequence[str]) -> tuple[str, str] | None:
    """The first of the known column pairs that `names` has, or None."""
    return next((pair for pair in PAIR_COLUMNS if set(pair) <= set(names)), None)


def _are_scores(values: Sequence[object]) -> bool:
    """True if all values are numbers, and too many or too fractional to be class numbers."""
    numbers = []
    for value in values:
        try:
            numbers.append(float(value))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return False
    return bool(numbers) and (len(set(numbers)) > MAX_CLASS_NUMBERS or any(number % 1 for number in numbers))
