"""The online MMD detector of alibi-detect. Run by `benchmarks.loop.drift` in an environment of its own.

    PYTHON alibi_mmd.py INPUT.npz OUTPUT.npz

INPUT.npz: `reference` `(texts, dimension)`, and streams of that shape under other names. Writes for each stream its
statistic after each text, the CPU `seconds` for each text, and the `version`. The detector's own thresholds are not
used: the caller finds the threshold of the wanted number of false alarms, so a few bootstraps suffice.
"""

import sys
import time

import alibi_detect
import numpy as np
import torch
from alibi_detect.cd import MMDDriftOnline

SIZE = 100
"""Newest texts that are compared with the reference."""

torch.set_num_threads(1)
torch.manual_seed(0)
arrays = np.load(sys.argv[1])
detector = MMDDriftOnline(
    arrays["reference"], ert=150, window_size=SIZE, backend="pytorch", n_bootstraps=1_000, verbose=False
)
found = {}
began, read = time.process_time(), 0
for name in arrays.files:
    if name != "reference":
        detector.reset_state()
        found[name] = np.array([detector.score(text) for text in arrays[name]])
        found[name][:SIZE] = -np.inf  # texts of the reference are among the newest
        read += len(found[name])
np.savez(sys.argv[2], seconds=(time.process_time() - began) / read, version=alibi_detect.__version__, **found)
