"""What the API page says about this server: its tasks, the models of each, and the dialects that reach them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from glossator.service.api.dialects.predictions import is_embedding
from glossator.service.api.models.model_catalog import ListedModel
from glossator.service.api.web.api_page.dialect_calls import DialectCall, dialect_calls, zero_shot_calls
from glossator.service.api.web.playground.modes import abilities_of
from glossator.service.bundle.task import Classifier, QuestionAnswering, Task, TokenClassification
from glossator.service.inference.encoding import reads_pairs
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.rating import is_rating

_TEXT = "Where is my parcel?"
_OTHER = "Your parcel arrives on Monday."
_THIRD = "Thank you for the quick refund."
_LABELS = ("delivery", "refund")


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of answers: what one sends, what comes back, and whether a model of a task gives it."""

    title: str
    sends: str
    returns: str
    fits: Callable[[Task], bool]


def _labels_texts(task: Task) -> bool:
    return isinstance(task, Classifier) and not reads_pairs(task) and not is_rating(task)


def _labels_pairs(task: Task) -> bool:
    return isinstance(task, Classifier) and reads_pairs(task) and not is_rating(task)


def _rates_texts(task: Task) -> bool:
    return not reads_pairs(task) and is_rating(task)


def _rates_pairs(task: Task) -> bool:
    return reads_pairs(task) and is_rating(task)


def _finds_entities(task: Task) -> bool:
    return isinstance(task, TokenClassification)


def _answers_questions(task: Task) -> bool:
    return isinstance(task, QuestionAnswering)


def _ranks(task: Task) -> bool:
    return "rerank" in abilities_of(task).modes


def _takes_any_label(task: Task) -> bool:
    return "zero-shot" in abilities_of(task).modes


TASK_KINDS = (
    TaskKind("Text classification", "a text", "one label or several, with probabilities", _labels_texts),
    TaskKind("Text rating", "a text", "a score", _rates_texts),
    TaskKind("Pair classification", "two texts", "a label, such as entailment", _labels_pairs),
    TaskKind("Pair rating", "two texts", "a score, such as similarity", _rates_pairs),
    TaskKind("Entities", "a text", "spans with labels", _finds_entities),
    TaskKind("Question answering", "a question and a text", "the span that answers", _answers_questions),
    TaskKind("Embeddings", "texts", "a vector for each text", is_embedding),
    TaskKind("Rerank", "a query and documents", "the documents by relevance", _ranks),
    TaskKind("Zero-shot", "a text and labels of your own", "a score for each label", _takes_any_label),
)
"""Every kind of answers that Glossator gives. Models for embeddings and for pairs serve the last two as well."""


@dataclass(frozen=True, slots=True)
class ServedTask:
    """A kind of answers, and the served models that give it."""

    kind: TaskKind
    models: Sequence[str]


@dataclass(frozen=True, slots=True)
class ServedDialect:
    """A dialect, the models that it reaches, and a request to one of them."""

    name: str
    models: Sequence[str]
    example: DialectCall


def served_tasks(models: Sequence[ListedModel]) -> list[ServedTask]:
    """Every kind of answers with the models that give it."""
    return [ServedTask(kind, [each.name for each in models if kind.fits(each.manifest.task)]) for kind in TASK_KINDS]


def served_dialects(models: Sequence[ListedModel]) -> list[ServedDialect]:
    """The dialects that serve a model, our own first. The example is a request to the first model."""
    calls: dict[str, list[DialectCall]] = {}
    for each in models:
        task = each.manifest.task
        found = dialect_calls(task, each.name, sample_texts(task))
        if _takes_any_label(task):
            found += zero_shot_calls(each.name, [_TEXT], _LABELS)
        for call in found:
            calls.setdefault(call.dialect, []).append(call)
    own_first = sorted(calls.items(), key=lambda each: not each[0].startswith("Glossator"))
    return [ServedDialect(name, [call.model for call in found], found[0]) for name, found in own_first]


def sample_texts(task: Task) -> list[Text]:
    """Texts for a request that a model of this task can answer."""
    if reads_pairs(task):
        return [Pair(_TEXT, _OTHER)]
    return [_TEXT, _OTHER, _THIRD] if is_embedding(task) else [_TEXT]
