"""Measures the values that the tensors of an encoder take on real texts, and on texts unlike any."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glossator.export.encoder_graph import Range, write_probe
from glossator.export.encoder_weights import Encoder
from glossator.service.inference.batch_planning import plan
from glossator.service.inference.runtime.session import pad, token_types
from glossator.service.tasks.encoded import PairWindow

STRANGE_WINDOWS = 64


def measure_ranges(encoder: Encoder, windows: Sequence[Sequence[int]], *, pad_token_id: int) -> dict[str, Range]:
    """The range of each tensor that products read, by its name, over `windows` of token ids; padding does not count."""
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.onnx")
        outputs = write_probe(encoder, probe)
        session = ort.InferenceSession(probe, providers=["CPUExecutionProvider"])
        low, high = dict.fromkeys(outputs, 0.0), dict.fromkeys(outputs, 0.0)
        for batch in plan([len(window) for window in windows]):
            input_ids, attention_mask = pad([windows[index] for index in batch], pad_token_id)
            feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
            if encoder.embeddings.types is not None:
                feeds["token_type_ids"] = token_types([windows[index] for index in batch])
            for name, values in zip(outputs, session.run(list(outputs.values()), feeds), strict=True):
                if len(values) == attention_mask.shape[1]:  # the last layer's hold the first token alone
                    values = values[attention_mask.T.astype(bool)]
                low[name] = min(low[name], float(values.min()))
                high[name] = max(high[name], float(values.max()))
    return {name: Range(low[name], high[name]) for name in outputs}


def strange_windows(windows: Sequence[Sequence[int]], *, vocabulary: int, seed: int = 0) -> list[list[int]]:
    """Some of the windows, from the shortest to the longest, with random tokens between their first and their last:
    ranges that hold on these too hold for texts that nobody thought of."""
    generator = np.random.default_rng(seed)
    by_length = sorted(windows, key=len)
    chosen = by_length[:: max(1, len(by_length) // STRANGE_WINDOWS)]
    made: list[list[int]] = []
    for window in chosen:
        if len(window) > 2:
            ids = [window[0], *generator.integers(vocabulary, size=len(window) - 2).tolist(), window[-1]]
            made.append(PairWindow(ids, window.second) if isinstance(window, PairWindow) else ids)
    return made
