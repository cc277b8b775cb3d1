"""A prediction in a few words, for `repr`."""

from __future__ import annotations

from glossator.service.errors import shorten
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities

_SHOWN = 5
_SHOWN_CHARACTERS = 60


def describe(prediction: Prediction) -> str:
    """Return a prediction in one line, in the words of the properties of `Answer`.

    >>> from glossator.service.tasks.rating import Rating
    >>> describe(Rating(2.5))
    'score=2.5000'
    """
    if isinstance(prediction, Classification):
        names = f"label={prediction.label!r}" if len(prediction.labels) == 1 else f"labels={prediction.labels!r}"
        scope = ", out_of_scope=True" if prediction.out_of_scope else ""
        return f"{names}, score={prediction.score:.4f}{scope}"
    if isinstance(prediction, Entities):
        found = [f"{each.label} {shorten(each.text, _SHOWN_CHARACTERS)!r}" for each in prediction.entities[:_SHOWN]]
        more = len(prediction.entities) - len(found)
        return f"entities=[{', '.join(found)}{f', … {more} more' if more else ''}]"
    if isinstance(prediction, Extraction):
        span = prediction.answer
        if span is None:
            return f"span=None, score={prediction.no_answer_score:.4f}"
        return f"span={shorten(span.text, _SHOWN_CHARACTERS)!r}, score={span.score:.4f}"
    if isinstance(prediction, Embedding):
        return f"vector=<{len(prediction.vector)} numbers>"
    return f"score={prediction.score:.4f}"
