"""Measures the activation ranges of an encoder on real texts and on windows of random tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glossator.export.graphs.encoder_graph import write_activation_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.graph_builder import Range
from glossator.service.inference.queue.batch_planning import plan
from glossator.service.inference.runtime.session import pad, token_types
from glossator.service.tasks.encoded import PairWindow

RANDOM_WINDOWS = 64
"""Number of windows with random tokens."""


def measure_ranges(weights: EncoderWeights, windows: Sequence[Sequence[int]], *, pad_token_id: int) -> dict[str, Range]:
    """Return the range of each tensor that products read, by name, over `windows` of token ids, without padding."""
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "activations.onnx")
        outputs = write_activation_graph(weights, path)
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        low, high = dict.fromkeys(outputs, 0.0), dict.fromkeys(outputs, 0.0)
        for batch in plan([len(window) for window in windows]):
            input_ids, attention_mask = pad([windows[index] for index in batch], pad_token_id)
            feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
            if weights.embeddings.types is not None:
                feeds["token_type_ids"] = token_types([windows[index] for index in batch])
            for name, values in zip(outputs, session.run(list(outputs.values()), feeds), strict=True):
                if len(values) == attention_mask.shape[1]:  # in the last layer some tensors hold only the first token
                    values = values[attention_mask.T.astype(bool)]
                low[name] = min(low[name], float(values.min()))
                high[name] = max(high[name], float(values.max()))
    return {name: Range(low[name], high[name]) for name in outputs}


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
