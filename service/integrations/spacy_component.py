"""A bundle as a component of a spaCy pipeline: `nlp.add_pipe("glossator", config={"model": "models/tickets"})`.

spaCy finds it by the entry point of its name; nothing has to be imported. Classifiers set `doc.cats`, entities
`doc.ents` (or a group of `doc.spans`), vectors `doc.tensor`. The text never changes. A text that cannot be answered
leaves its document as it was, with the error under `doc.user_data["glossator_error"]`. `nlp.to_disk` takes the bundle
along, and `spacy.load` verifies it again.
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
    """The component; the bundle is loaded and verified at once, unless `from_disk` brings it."""
    return Component(model, spans_key=spans_key, threads=threads, threshold=threshold)


class Component:
    """Answers documents with one bundle. Entities go to `doc.ents`, or with `spans_key` to that group of `doc.spans`;
    those that end within a token of spaCy are widened to it, and of those that then overlap the longest stays."""

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
        """The bundle's model; raises ConfigError where none was given.

        No property called `model`: spaCy looks for that attribute in every component it adds.
        """
        if self._model is None:
            raise ConfigError(
                "the component has no model", hint='nlp.add_pipe("glossator", config={"model": "path/of/bundle"})'
            )
        return self._model

    def __call__(self, doc: Doc) -> Doc:
        """The document with its answer."""
        return next(self.pipe([doc], batch_size=1))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """The documents with their answers, a batch at a time."""
        for batch in minibatch(stream, size=batch_size):
            docs = list(batch)
            for doc, answer in zip(docs, self._answers(docs), strict=True):
                self._set(doc, answer)
                yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copies the bundle into the pipeline's folder."""
        folder = Path(path) / _BUNDLE
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(self.loaded().bundle.path, folder)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Component:
        """Loads and verifies the bundle in the pipeline's folder."""
        self._model = self._load(str(Path(path) / _BUNDLE))
        return self

    def _load(self, path: str) -> Model:
        model = load(path, threads=self._threads)
        if reads_pairs(model.task):
            raise ConfigError("a document is one text, and this model reads two", found=model.task.task)
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
