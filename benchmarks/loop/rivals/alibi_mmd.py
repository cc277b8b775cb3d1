"""The online MMD detector of alibi-detect. Run by `benchmarks.loop.drift` in an environment of its own.

    PYTHON alibi_mmd.py INPUT.npz OUTPUT.json

INPUT.npz: `reference` `(texts, dimension)`, `unshifted`, a stream of that shape, and other streams. The threshold is
the highest statistic of `unshifted`, not that of the detector's own bootstraps: so it is compared at the same number of
false alarms. Writes for each other stream the number of texts until the statistic exceeds the threshold, null if it
does not, and the CPU `seconds` for each text.
"""

import json
import sys
import time

import alibi_detect
import numpy as np
import torch
from alibi_detect.cd.pytorch.mmd_online import MMDDriftOnlineTorch

SIZE = 200
"""Newest texts that are compared with the reference."""


class Detector(MMDDriftOnlineTorch):  # type: ignore[misc]
    """The detector without its bootstraps."""

    def _configure_thresholds(self) -> None:
        self.thresholds = [float("inf")] * self.window_size


torch.set_num_threads(1)
torch.manual_seed(0)
arrays = np.load(sys.argv[1])
detector = Detector(arrays["reference"], ert=150, window_size=SIZE, verbose=False)
began = time.process_time()
calm = [detector.score(text) for text in arrays["unshifted"]]
seconds = (time.process_time() - began) / len(calm)
limit = max(calm[SIZE:])  # before, texts of the reference are among the newest
found = {}
for name in arrays.files:
    if name not in ("reference", "unshifted"):
        detector.reset_state()
        for text in arrays["unshifted"][:SIZE]:
            detector.score(text)
        places = (place for place, text in enumerate(arrays[name]) if detector.score(text) > limit)
        found[name] = next((place + 1 for place in places), None)
with open(sys.argv[2], "w") as file:
    json.dump({"found": found, "seconds": seconds, "version": alibi_detect.__version__}, file)
