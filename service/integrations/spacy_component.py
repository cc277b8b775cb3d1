"""A bundle as a component of a spaCy pipeline: `nlp.add_pipe("glossator", config={"model": "models/tickets"})`.

spaCy finds the component by its entry point; no import is needed. Classifiers set `doc.cats`, entities `doc.ents` (or a
group of `doc.spans`), vectors `doc.tensor`. The text never changes. If a text cannot be answered, its document stays as
it is, with the error in `doc.user_data["glossator_error"]`. `nlp.to_disk` copies the bundle, and `spacy.load` verifies
it again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.rating import is_rating
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities

ERROR_KEY = "glossator_error"
_BUNDLE = "bundle"


@Language.factory(  # type: ignore[untyped-decorator]
    "glossator",
    default_config={"model": "", "spans_key": None, "threads": None, "threshold": None},
    assigns=["doc.cats", "doc.ents", "doc.spans", "doc.tensor"],
)
def make(
    nlp: Language, name: str, model: str, spans_key: str | None, threads: int | None, threshold: float | None
) -> Component:
    """Make the component. The bundle is loaded and verified at once, or later by `from_disk` if there is no path."""
    return Component(model, spans_key=spans_key, threads=threads, threshold=threshold)


class Component:
    """Answers documents with one bundle.

    Entities go to `doc.ents` or, with `spans_key`, to that group of `doc.spans`. Entities that start or end inside a
    token of spaCy are extended to the whole token; if entities of `doc.ents` then overlap, the longest stays.
    """

    def __init__(
        self,
        model: str = "",
        *,
        spans_key: str | None = None,
        threads: int | None = None,
        threshold: float | None = None,
    ) -> None:
        self._spans_key = spans_key
        self._threads = threads
        self._threshold = threshold
        self._model = self._load(model) if model else None

    def loaded(self) -> Model:
        """Return the model of the bundle. Raises ConfigError if there is none.

        This is no property named `model`, because spaCy gives that attribute a meaning of its own.
        """
        if self._model is None:
            raise ConfigError(
                "the component has no model", hint='nlp.add_pipe("glossator", config={"model": "path/to/bundle"})'
            )
        return self._model

    def __call__(self, doc: Doc) -> Doc:
        """Return the document with its answer."""
        return next(self.pipe([doc], batch_size=1))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Yield the documents with their answers."""
        for batch in minibatch(stream, size=batch_size):
            docs = list(batch)
            for doc, answer in zip(docs, self._answers(docs), strict=True):
                self._set(doc, answer)
                yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy the bundle into the folder of the pipeline."""
        folder = Path(path) / _BUNDLE
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(self.loaded().bundle.path, folder)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Component:
        """Load and verify the bundle in the folder of the pipeline."""
        self._model = self._load(str(Path(path) / _BUNDLE))
        return self

    def _load(self, path: str) -> Model:
        model = load(path, threads=self._threads)
        if reads_pairs(model.task):
            raise ConfigError("the component needs a model of one text; this model reads two", found=model.task.task)
        if is_rating(model.task):
            raise ConfigError(
                "the component needs a model of labels, entities or vectors", found=f"{model.task.task} with scores"
            )
        return model

    def _answers(self, docs: list[Doc]) -> list[Answer | InputError]:
        texts = [doc.text for doc in docs]
        return self.loaded().predict(texts, threshold=self._threshold)

    def _set(self, doc: Doc, answer: Answer | InputError) -> None:
        if isinstance(answer, InputError):
            doc.user_data[ERROR_KEY] = answer.to_dict()
            return
        prediction = answer.prediction
        if isinstance(prediction, Classification):
            doc.cats.update({score.label: score.score for score in prediction.scores})
        elif isinstance(prediction, Entities):
            self._set_spans(doc, prediction)
        elif isinstance(prediction, Embedding):
            doc.tensor = prediction.vector

    def _set_spans(self, doc: Doc, found: Entities) -> None:
        spans: list[Span] = []
        for entity in found.entities:
            span: Any = doc.char_span(entity.start, entity.end, label=entity.label, alignment_mode="expand")
            if span is not None:
                spans.append(span)
        if self._spans_key is not None:
            doc.spans[self._spans_key] = spans
        else:
            doc.set_ents(filter_spans(spans), default="unmodified" if not spans else "outside")
