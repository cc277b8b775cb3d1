"""Chooses the golden rows: validation texts and the edge cases that a damaged bundle would answer differently."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluation.rows import LabelledRows
from service.bundle.golden import GoldenRow
from service.errors import InputError
from service.inference.pipeline import Pipeline
from service.tasks.text_classification import decode

_ROWS_FROM_VALIDATION = 8
_MANY_WINDOWS = 3


def golden_rows(pipeline: Pipeline, validation: LabelledRows) -> list[GoldenRow]:
    """Rows with the answers that `pipeline` gives to each text alone."""
    return [_answered(pipeline, name, text) for name, text in _texts(pipeline, validation)]


def edge_texts(pipeline: Pipeline, validation: LabelledRows) -> list[str]:
    """The texts of the golden rows that have an answer: windows of one token, of as many as fit, and odd ones."""
    texts = [text for _, text in _texts(pipeline, validation)]
    return [
        text for text, encoded in zip(texts, pipeline.encode(texts), strict=True) if not isinstance(encoded, InputError)
    ]


def _texts(pipeline: Pipeline, validation: LabelledRows) -> Iterator[tuple[str, str]]:
    """Names and texts. The edge cases come first, then a validation text of each of a few sets of labels."""
    by_length = sorted(validation.texts, key=len)
    typical = by_length[len(by_length) // 2]
    yield "one-token", "a"
    yield "shortest", by_length[0]
    yield "longest", by_length[-1]
    yield "many-windows", _long_text(pipeline, by_length[-1])
    yield "emoji", f"\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} {typical} \N{WINKING FACE}"
    yield "accents", "Übergroße Façade naïve Ærø Łódź, e\N{COMBINING ACUTE ACCENT}"
    yield "other-script", "これは日本語です。 Это по-русски. مرحبا"
    yield "upper-case", typical.upper()
    yield "white-space", f"  {typical}\r\n\t\N{NO-BREAK SPACE}"
    yield "digits", "0123 45,67 -89 %"
    yield "empty", ""
    yield "blank", " \n\t"
    seen: set[tuple[str, ...]] = set()
    for text, labels in zip(validation.texts, validation.labels, strict=True):
        if labels not in seen and len(seen) < _ROWS_FROM_VALIDATION:
            seen.add(labels)
            yield f"validation-{len(seen)}", text


def _long_text(pipeline: Pipeline, text: str) -> str:
    """The text said over and over until it fills several windows, or as it is where it holds no token at all."""
    while True:
        (encoded,) = pipeline.encode([text])
        if isinstance(encoded, InputError) or not encoded.tokens or len(encoded.windows) >= _MANY_WINDOWS:
            return text
        text = f"{text} {text}"


def _answered(pipeline: Pipeline, name: str, text: str) -> GoldenRow:
    (encoded,) = pipeline.encode([text])
    if isinstance(encoded, InputError):
        return GoldenRow(name=name, text=text, error=encoded.code)
    # Seven digits are what float32 holds; the tolerance is far above.
    logits = [round(float(value), 6) for value in pipeline.pooled_logits([encoded])[0]]
    answer = decode(np.asarray(logits), pipeline.task)
    return GoldenRow(
        name=name,
        text=text,
        labels=answer.labels,
        score=answer.score,
        logits=tuple(logits),
        tokens=encoded.tokens,
        windows=len(encoded.windows),
    )
