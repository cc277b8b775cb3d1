"""Chooses the golden rows: validation texts, and edge cases that a damaged bundle would answer differently."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.bundle.golden import GoldenRow
from glossator.service.errors import InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import DEFAULTS

_ROWS_FROM_VALIDATION = 8
_MANY_WINDOWS = 3


def make_golden_rows(pipeline: Pipeline, validation: LabelledRows) -> list[GoldenRow]:
    """Return golden rows with the answers of `pipeline`, each input answered alone."""
    return [_golden_row(pipeline, name, text) for name, text in _inputs(pipeline, validation)]


def edge_inputs(pipeline: Pipeline, validation: LabelledRows) -> list[Text]:
    """Return the inputs of the golden rows that can be answered: very short, very long and unusual texts."""
    inputs = [text for _, text in _inputs(pipeline, validation)]
    return [
        text
        for text, encoded in zip(inputs, pipeline.encode(inputs), strict=True)
        if not isinstance(encoded, InputError)
    ]


def _inputs(pipeline: Pipeline, validation: LabelledRows) -> Iterator[tuple[str, Text]]:
    """Yield names and inputs: the edge cases, then validation rows with different labels.

    In pairs, the second text is the edge case and the first a typical one.
    """
    pairs = reads_pairs(pipeline.task)
    seconds = validation.seconds if pairs else None
    texts = validation.texts if seconds is None else seconds
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    middle = by_length[len(by_length) // 2]

    def as_input(text: str, row: int = middle) -> Text:
        return Pair(validation.texts[row], text) if pairs else text

    for name, text in _edges(texts[by_length[0]], texts[middle], texts[by_length[-1]]):
        yield name, as_input(text)
    yield "many-windows", _long_text(pipeline, as_input(texts[by_length[-1]]))
    if pairs:
        yield "empty-first", Pair("", texts[middle])
    seen: set[tuple[str, ...]] = set()
    if not any(validation.labels):  # rows without labels: from all parts of the file
        for number in range(min(_ROWS_FROM_VALIDATION, len(texts))):
            row = number * len(texts) // min(_ROWS_FROM_VALIDATION, len(texts))
            yield f"validation-{number + 1}", as_input(texts[row], row)
        return
    for row, labels in enumerate(validation.labels):
        if labels not in seen and len(seen) < _ROWS_FROM_VALIDATION:
            seen.add(labels)
            yield f"validation-{len(seen)}", as_input(texts[row], row)


def _edges(shortest: str, typical: str, longest: str) -> Iterator[tuple[str, str]]:
    yield "one-token", "a"
    yield "shortest", shortest
    yield "longest", longest
    yield "emoji", f"\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4} {typical} \N{WINKING FACE}"
    yield "accents", "Übergroße Façade naïve Ærø Łódź, e\N{COMBINING ACUTE ACCENT}"
    yield "other-script", "これは日本語です。 Это по-русски. مرحبا"
    yield "upper-case", typical.upper()
    yield "white-space", f"  {typical}\r\n\t\N{NO-BREAK SPACE}"
    yield "digits", "0123 45,67 -89 %"
    yield "empty", ""
    yield "blank", " \n\t"


def _long_text(pipeline: Pipeline, text: Text) -> Text:
    """Repeat the text (in a pair, the second text) until it fills several windows; leave it if it has no tokens."""
    while True:
        (encoded,) = pipeline.encode([text])
        if isinstance(encoded, InputError) or not encoded.tokens or len(encoded.windows) >= _MANY_WINDOWS:
            return text
        text = Pair(text.first, f"{text.second} {text.second}") if isinstance(text, Pair) else f"{text} {text}"


def _golden_row(pipeline: Pipeline, name: str, text: Text) -> GoldenRow:
    first, second = text if isinstance(text, Pair) else (text, None)
    (encoded,) = pipeline.encode([text])
    if isinstance(encoded, InputError):
        return GoldenRow(name=name, text=first, second=second, error=encoded.code)
    # float32 has about seven digits; the tolerance is far larger.
    (tier,) = pipeline.tiers([encoded])
    logits = np.round(pipeline.pooled_outputs([encoded], tier=tier)[0], 6)
    labels, score = pipeline.decoder.summary(pipeline.decoder.decode([encoded], [logits], DEFAULTS)[0])
    return GoldenRow(
        name=name,
        text=first,
        second=second,
        labels=labels,
        score=score,
        logits=tuple(logits.ravel().tolist()),
        tokens=encoded.tokens,
        windows=len(encoded.windows),
        tier=tier,
    )
