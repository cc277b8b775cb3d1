"""Where the time of the served graph goes, by operator.

    python -m benchmarks.speed.operators [--bundle BUNDLE]        (default: work/banking77/banking77)

Runs banking77's test texts, sorted by length, in batches of at most 512 tokens on one thread under ONNX Runtime's own
profiler. Writes benchmarks/results/operators/.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import onnxruntime as ort

from benchmarks.common import texts as texts_of
from benchmarks.common.engine_options import parser
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.session import pad
from glossator.service.tasks.encoded import EncodedText

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "rivals"))
from worker import by_length  # noqa: E402

BATCH_TOKENS = 512
SHOWN = 10


def main() -> None:
    options = parser(__doc__).parse_args()
    bundle = read_bundle(options.bundle)
    encoding = bundle.manifest.task.encoding
    texts = [text for text, _ in texts_of.banking77_test(options.data)]
    encoded = Encoder(bundle.path / "tokenizer.json", encoding).encode(texts)
    windows = [window for text in encoded if isinstance(text, EncodedText) for window in text.windows]
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        settings.profile_file_prefix = str(Path(folder, "profile"))
        graph = bundle.path / bundle.manifest.served.graph
        session = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        for batch in by_length([len(window) for window in windows], BATCH_TOKENS):
            input_ids, attention_mask = pad([windows[index] for index in batch], encoding.pad_token_id)
            session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})
        events = json.loads(Path(session.end_profiling()).read_text())
    took: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            took[event["args"]["op_name"]] += event["dur"]
    shares = {name: spent / took.total() for name, spent in took.most_common()}
    rows = [[name, f"{share:.1%}"] for name, share in list(shares.items())[:SHOWN]]
    lines = [
        "# Where the time of the graph goes",
        "",
        f"banking77's {len(texts):,} test texts in batches of at most {BATCH_TOKENS} tokens, one thread; "
        f"{describe_machine()[0]}. Repeat with `python -m benchmarks.speed.operators`.",
        "",
        markdown_table(["operator", "share"], rows, right=(1,)),
    ]
    write_report("operators", "\n".join(lines))
    fields = {"machine": describe_machine()[0], "shares": shares}
    write_result("operators", fields)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
