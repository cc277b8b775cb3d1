"""The int8 graphs that a bundle may serve, the fastest first.

1. `static`: int8 products with fixed activation scales, for the families that `families` knows.
2. `row`: one activation scale per token, for any graph.
3. `static`, but the products that lose most in int8 stay in fp32.
4. `block`: weights and activations in int8 with one scale per block, for any graph with products (`MatMulNBits`):
   half as fast, nearly exact.

In all of them, the answer to a text does not depend on the other texts of its batch. `glossator.export.session`
compares them with PyTorch on validation rows and takes the first that is good enough.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glossator.export.graphs.encoder_graph import product_input_names, write_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.graph_builder import Quantization, Range
from glossator.export.graphs.quantization import has_products, quantize_blocks, quantize_rows
from glossator.service.bundle.manifest import Scheme

EXCLUDED_SHARES = (0.1, 0.25)
"""Shares of the products that stay in fp32 if int8 everywhere is not good enough."""

Logits = Callable[[Path], NDArray[np.float64]]
"""Returns the logits of a graph for a sample of real texts, in one array."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An int8 graph that `write` can write."""

    scheme: Scheme
    excluded: tuple[str, ...]
    write: Callable[[Path], None]


def int8_candidates(
    fp32: Path, weights: EncoderWeights | None, ranges: Mapping[str, Range], logits: Logits
) -> Iterator[Candidate]:
    """Yield the candidates, the fastest first.

    Args:
        fp32: The fp32 graph.
        weights: The weights of the encoder; None if its family is not known.
        ranges: The activation ranges of the encoder.
        logits: Runs a graph on the texts that decide which products lose most in int8.
    """
    if weights is not None:
        yield candidate("static", (), fp32, weights, ranges)
    yield candidate("row", (), fp32, weights, ranges)
    if weights is not None:
        sensitive = rank_by_int8_error(fp32, weights, ranges, logits)
        for share in EXCLUDED_SHARES:
            excluded = tuple(sensitive[: max(1, round(share * len(sensitive)))])
            yield candidate("static", excluded, fp32, weights, ranges)
    if has_products(fp32):
        yield candidate("block", (), fp32, weights, ranges)


def candidate(
    scheme: Scheme, excluded: Sequence[str], fp32: Path, weights: EncoderWeights | None, ranges: Mapping[str, Range]
) -> Candidate:
    """Return the int8 graph of a scheme. Arguments: see `int8_candidates`."""
    if scheme == "static":
        assert weights is not None
        return Candidate(scheme, tuple(excluded), _static_writer(weights, ranges, excluded))
    quantize = quantize_rows if scheme == "row" else quantize_blocks
    return Candidate(scheme, (), lambda destination: quantize(fp32, destination))


def rank_by_int8_error(fp32: Path, weights: EncoderWeights, ranges: Mapping[str, Range], logits: Logits) -> list[str]:
    """Return the tensors that products read, sorted by the error of the logits if only this tensor is in int8.

    The largest mean squared error comes first.
    """
    names = product_input_names(weights)
    exact = logits(fp32)
    errors: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder, "one.onnx")
        for name in names:
            _static_writer(weights, ranges, [other for other in names if other != name])(graph)
            errors[name] = float(np.square(logits(graph) - exact).mean())
    return sorted(names, key=lambda name: -errors[name])


def _static_writer(
    weights: EncoderWeights, ranges: Mapping[str, Range], excluded: Sequence[str]
) -> Callable[[Path], None]:
    quantization = Quantization(ranges, frozenset(excluded))
    return lambda destination: write_graph(weights, destination, quantization=quantization)
