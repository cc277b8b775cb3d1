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


def _texts(pipeline: Pipeline, validation: LabelledRows) -> Iterator[tuple[str, str]]:
    by_length = sorted(validation.texts, key=len)
    typical = by_length[len(by_length) // 2]
    yield "one-token", "a"
    yield "shortest", by_length[0]
    yield "longest", by_length[-1]
    yield "many-windows", _long_text(pipeline, by_length)
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


def _long_text(pipeline: Pipeline, texts: list[str]) -> str:
    """Validation texts strung together until they fill several windows."""
    text = ""
    while True:
        for part in reversed(texts):
            text = f"{text} {part}".strip()
            (encoded,) = pipeline.encode([text])
            if not isinstance(encoded, InputError) and len(encoded.windows) >= _MANY_WINDOWS:
                return text


def _answered(pipeline: Pipeline, name: str, text: str) -> GoldenRow:
    (encoded,) = pipeline.encode([text])
    if isinstance(encoded, InputError):
        return GoldenRow(name=name, text=text, error=encoded.code)
    # Seven digits are what float32 holds; the tolerance is far above.
    logits = [round(float(value), 6) for value in pipeline.pooled_logits([encoded])[0]]
    labels = decode(np.asarray(logits), pipeline.task).labels
    return GoldenRow(
        name=name,
        text=text,
        labels=labels,
        logits=tuple(logits),
        tokens=encoded.tokens,
        windows=len(encoded.windows),
    )
