"""The int8 graphs that a bundle may serve, the fastest first.

1. `static`: products in int8 with fixed activation scales, for the encoders that `glossator.export.encoder_weights` knows.
2. The same with the products left in fp32 that int8 hurts most.
3. `row`: a scale for each token, for any graph.
4. `block`: weights in int8 by blocks, activations too, for any graph (`MatMulNBits`): half as fast, nearly exact.

None lets a text's neighbours in a batch move its answer. Which one is served is decided in `glossator.export.exporter`, on
validation rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.encoder_graph import Quantization, Range, tensor_names, write_graph
from glossator.export.encoder_weights import Encoder
from glossator.export.quantize import quantize_blocks, quantize_rows
from glossator.service.bundle.manifest import Scheme

EXCLUDED_SHARES = (0.1, 0.25)
"""Shares of the products that are left in fp32 where int8 throughout is not good enough."""

Logits = Callable[[Path], NDArray[np.float64]]
"""All the logits that a graph gives to some real texts, in one array."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An int8 graph that can be written."""

    scheme: Scheme
    excluded: tuple[str, ...]
    write: Callable[[Path], None]


def candidates(fp32: Path, encoder: Encoder | None, ranges: dict[str, Range], logits: Logits) -> Iterator[Candidate]:
    """The candidates, the fastest first. `logits` runs a graph on the texts that decide which products int8 hurts."""
    if encoder is not None:
        yield Candidate("static", (), _static(encoder, ranges, ()))
        worst = most_hurt(fp32, encoder, ranges, logits)
        for share in EXCLUDED_SHARES:
            excluded = tuple(worst[: max(1, round(share * len(worst)))])
            yield Candidate("static", excluded, _static(encoder, ranges, excluded))
    yield Candidate("row", (), lambda destination: quantize_rows(fp32, destination))
    yield Candidate("block", (), lambda destination: quantize_blocks(fp32, destination))


def most_hurt(fp32: Path, encoder: Encoder, ranges: dict[str, Range], logits: Logits) -> list[str]:
    """The tensors that products read, those first whose rounding alone moves the logits furthest (mean square)."""
    names = tensor_names(encoder)
    exact = logits(fp32)
    moved: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder, "one.onnx")
        for name in names:
            _static(encoder, ranges, [other for other in names if other != name])(graph)
            moved[name] = float(np.square(logits(graph) - exact).mean())
    return sorted(names, key=lambda name: -moved[name])


def _static(encoder: Encoder, ranges: dict[str, Range], excluded: Sequence[str]) -> Callable[[Path], Any]:
    quantization = Quantization(ranges, frozenset(excluded))
    return lambda destination: write_graph(encoder, destination, quantization=quantization)
