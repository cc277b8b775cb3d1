"""Measures the activation ranges of an encoder on real texts and on windows of random tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from glossator.export.graphs.encoder_graph import write_activation_graph
from glossator.export.graphs.encoder_weights import EncoderWeights, Floats
from glossator.export.graphs.graph_builder import ProductInput, Range
from glossator.service.inference.queue.batch_planning import plan
from glossator.service.inference.runtime.session import pad, token_types
from glossator.service.tasks.encoded import PairWindow

SMOOTHING = 0.85
"""How far the differences of channels move from the activations to the weights: 0 none, 1 all. Chosen on validation
rows of banking77 and csabstruct: the outputs differ half as much from fp32 as without factors."""
_SMALLEST = 1e-5

RANDOM_WINDOWS = 64
"""Number of windows with random tokens."""


def measure_ranges(weights: EncoderWeights, windows: Sequence[Sequence[int]], *, pad_token_id: int) -> dict[str, Range]:
    """Return the range of each tensor that products read, by name, over `windows` of token ids, without padding."""
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "activations.onnx")
        inputs = write_activation_graph(weights, path)
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        extremes: dict[str, list[Floats]] = {name: [] for name in inputs}
        for batch in plan([len(window) for window in windows]):
            input_ids, attention_mask = pad([windows[index] for index in batch], pad_token_id)
            feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
            if weights.embeddings.types is not None:
                feeds["token_type_ids"] = token_types([windows[index] for index in batch])
            outputs = session.run([each.tensor for each in inputs.values()], feeds)
            for name, values in zip(inputs, outputs, strict=True):
                if len(values) == attention_mask.shape[1]:  # in the last layer some tensors hold only the first token
                    values = values[attention_mask.T.astype(bool)]
                rows = values.reshape(-1, values.shape[-1])
                extremes[name] += [rows.min(axis=0), rows.max(axis=0)]
    return _divided_ranges({name: np.stack(each) for name, each in extremes.items()}, inputs)


def channel_factors(values: Floats, weights: Floats) -> Floats:
    """Return the factor by which each channel of a tensor is divided before it is rounded; their mean logarithm is 0.

    `values` and `weights`: the largest magnitude of each channel `c`, `(channels,)`, in the tensor and in its row of
    the products' weights. The factor is `values[c] ** SMOOTHING / weights[c] ** (1 - SMOOTHING)`. Channels that were
    small on the measured texts count as half of the median, so that other texts have room.

    >>> channel_factors(np.array([1.0, 1.0, 4.0]), np.ones(3)).round(2).tolist()
    [0.68, 0.68, 2.19]
    """
    values, weights = (np.maximum(each, max(0.5 * float(np.median(each)), _SMALLEST)) for each in (values, weights))
    logarithms = SMOOTHING * np.log(values) - (1.0 - SMOOTHING) * np.log(weights)
    return np.asarray(np.exp(logarithms - logarithms.mean()), dtype=np.float32)


def _divided_ranges(extremes: Mapping[str, Floats], inputs: Mapping[str, ProductInput]) -> dict[str, Range]:
    """Return the ranges from the extremes of the channels of each tensor, `(n, channels)`.

    Layers that share their weights share the factors, so that the weights are stored once.
    """
    sharing: dict[tuple[bytes, ...], list[str]] = {}
    for name, each in inputs.items():
        sharing.setdefault(tuple(sha256(weight.tobytes()).digest() for weight in each.weights), []).append(name)
    ranges = {}
    for names in sharing.values():
        peaks = np.max([np.abs(weight).max(axis=1) for weight in inputs[names[0]].weights], axis=0)
        factors = channel_factors(np.abs(np.concatenate([extremes[name] for name in names])).max(axis=0), peaks)
        for name in names:
            divided = extremes[name] / factors
            low, high = min(0.0, float(divided.min())), max(0.0, float(divided.max()))
            ranges[name] = Range(low, high, tuple(factors.tolist()))
    return {name: ranges[name] for name in inputs}


def random_windows(windows: Sequence[Sequence[int]], *, vocabulary: int, seed: int = 0) -> list[list[int]]:
    """Return about `RANDOM_WINDOWS` of the windows, from short to long, with random tokens instead of their own.

    The first and the last token, which are special tokens, stay. Ranges that include these windows also fit unusual
    texts.
    """
    generator = np.random.default_rng(seed)
    by_length = sorted(windows, key=len)
    chosen = by_length[:: max(1, len(by_length) // RANDOM_WINDOWS)]
    randomised: list[list[int]] = []
    for window in chosen:
        if len(window) > 2:
            ids = [window[0], *generator.integers(vocabulary, size=len(window) - 2).tolist(), window[-1]]
            randomised.append(PairWindow(ids, window.second) if isinstance(window, PairWindow) else ids)
    return randomised
