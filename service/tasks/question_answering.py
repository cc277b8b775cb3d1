"""Start and end logits to the answer of a question. This is the one file where a logit becomes an answer.

Follows Devlin et al. 2019, section 4.3, for windows and for questions without an answer:

1. The score of a span is the start logit of its first token plus the end logit of its last. Both tokens are in the
   context and in the same window, at most `max_answer_tokens` long. The score of "no answer" is that of the first token
   of a window; the lowest over all windows counts, because the answer must be absent from each of them.
2. The best span of all windows is the answer. If overlapping windows contain the same span, the higher score counts.
3. Probabilities are the softmax over the scores of the twenty best spans and of "no answer".
4. For models trained on questions without an answer: there is no answer if the score of "no answer" exceeds that of the
   best span by more than the threshold fitted on validation data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import QuestionAnswering
from glossator.service.tasks.encoded import Alignment, EncodedText, Floats
from glossator.service.tasks.offsets import offset_converter
from glossator.service.tasks.options import DecodeOptions

CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Span:
    """A span of the context: `text == context[start:end]` in code points, with its probability."""

    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Extraction:
    """The answers to a question, best first, at most `top_k`. `answer` is None if the context contains no answer.

    `no_answer_score`: the probability of "no answer". `margin`: the score of "no answer" minus that of the best span.
    """

    answer: Span | None
    candidates: tuple[Span, ...]
    no_answer_score: float
    margin: float


class Decoder:
    """Decodes the answers of questions."""

    needs_alignment = True

    def __init__(self, task: QuestionAnswering) -> None:
        self.task = task

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply."""
        options.check(self.task.task, ("top_k", "offset_unit"))

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Return start and end logits `(tokens of all windows, 2)`."""
        return np.concatenate(outputs).astype(np.float64)

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> list[Extraction]:
        """Return the answers to each question."""
        return [self._extract(text, logits, options) for text, logits in zip(texts, pooled, strict=True)]

    def summary(self, answer: Extraction) -> tuple[tuple[str, ...], float]:
        """Return the best span as `start:end`, and its probability."""
        best = answer.candidates[:1]
        return tuple(f"{span.start}:{span.end}" for span in best), best[0].score if best else answer.no_answer_score

    def _extract(self, text: EncodedText, logits: NDArray[np.float64], options: DecodeOptions) -> Extraction:
        spans: dict[tuple[int, int], float] = {}
        nulls = []
        begin = 0
        for window, alignment in zip(text.windows, text.alignment, strict=True):
            own = logits[begin : begin + len(window)]
            begin += len(window)
            nulls.append(float(own[0].sum()))
            for span, score in _spans(own, alignment, self.task.max_answer_tokens):
                spans[span] = max(score, spans.get(span, -np.inf))
        best = sorted(spans.items(), key=lambda item: (-item[1], item[0]))[:CANDIDATES]
        null = min(nulls)
        scores = np.array([score for _, score in best] + [null])
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        count = offset_converter(text.text, options.offset_unit)
        found = tuple(
            Span(count(start), count(end), text.text[start:end], float(share))
            for ((start, end), _), share in zip(best, shares, strict=False)
        )
        margin = null - best[0][1] if best else np.inf
        threshold = self.task.null_threshold
        absent = not found or (threshold is not None and margin > threshold)
        return Extraction(None if absent else found[0], found[: options.top_k], float(shares[-1]), float(margin))


def _spans(logits: NDArray[np.float64], alignment: Alignment, most_tokens: int) -> list[tuple[tuple[int, int], float]]:
    """Return the best spans of one window, each with its score."""
    inside = alignment.inside
    if not len(inside):
        return []
    start, end = logits[inside, 0], logits[inside, 1]
    width = min(most_tokens, len(inside))
    ends = np.concatenate([end, np.full(width - 1, -np.inf)])
    scores = start[:, np.newaxis] + np.lib.stride_tricks.sliding_window_view(ends, width)  # (tokens, length - 1)
    flat = scores.ravel()
    count = min(CANDIDATES, len(flat))
    found = []
    for place in np.argpartition(-flat, count - 1)[:count].tolist():
        first, length = divmod(place, width)
        if np.isfinite(flat[place]):
            offsets = alignment.offsets
            span = (int(offsets[inside[first], 0]), int(offsets[inside[first + length], 1]))
            if span[1] > span[0]:
                found.append((span, float(flat[place])))
    return found
