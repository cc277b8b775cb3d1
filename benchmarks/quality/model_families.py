"""Which families of models `glossator import` accepts: each with random weights, every head, in a process of its own.

    python -m benchmarks.quality.model_families [FAMILY ...] [--heads classification,tags,vectors]

transformers makes a small model of the family and saves it; `glossator import` makes a bundle of it without labelled
rows. int8 graphs are tried for one head, classification. Then the fp32 graph of the bundle answers texts, one of them
longer than a window, and its outputs are compared with those of transformers on the same windows, each window alone.
The table says whether the graph is ours or from PyTorch's exporter, how much the answers of the served graph depend on
the batch, and why a model was refused. Weights are random: nothing here says how accurate a family is, and answers of
random models are close to ties, so int8 changes more of them than of trained models.

Each family has a limit on time and memory. Families that are not named keep the results that they have. Writes
benchmarks/results/families/.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.common.results import read_values, write_report, write_result
from benchmarks.common.tiny_models import FAMILIES, HEADS, Family, Head, has_head, save_model
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

SECONDS = 600
MEMORY = 6 << 30
INT8_HEAD: Head = "classification"
"""The head whose int8 graphs are tried. The other heads are measured in fp32."""
FEW_TEXTS = 60
MAX_FLIPS = 0.05
"""The share of changed decisions that so few texts can rule out."""
_SINGLE: tuple[Head, ...] = ("classification", "tags", "vectors")
_COMPARED = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="default: all")
    parser.add_argument("--heads", default="classification,vectors,tags", help=f"of {', '.join(HEADS)}")
    options = parser.parse_args()
    heads = [cast(Head, head) for head in options.heads.split(",")]
    stored: dict[str, dict[str, Any]] = (read_values("families") or {}).get("families", {})
    prepare()
    for name in options.families or FAMILIES:
        stored[name] = stored.get(name, {}) | in_process(FAMILIES[name], heads)
        for head in heads:
            print(f"{name}, {head}: {stored[name].get(head)}", flush=True)
        write({each: stored.get(each, {}) for each in FAMILIES})


def prepare() -> None:
    """Import what every family needs, before processes are forked; no thread may be running."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    warnings.simplefilter("ignore")
    import torch
    from transformers.utils import logging

    import glossator.workflows.models.model_import

    assert glossator.workflows.models.model_import
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def in_process(family: Family, heads: Sequence[Head]) -> dict[str, Any]:
    """Measure the heads of one family in a process of its own. The first head that it did not reach has the reason."""
    heads = [head for head in heads if has_head(family, head)]
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            measure_family(family, heads, Path(folder))
            os._exit(0)
        ended = wait_for(child)
        found: dict[str, Any] = {
            head: json.loads((Path(folder) / head).read_text()) for head in heads if (Path(folder) / head).is_file()
        }
    missing = next((head for head in heads if head not in found), None)
    return found if missing is None else found | {missing: {"refused": ended}}


def wait_for(child: int) -> str:
    """Return how a process ended; it is killed after SECONDS."""
    started = time.monotonic()
    while time.monotonic() - started < SECONDS:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return f"the process ended with {os.waitstatus_to_exitcode(status)}"
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"not finished after {SECONDS} s"


def measure_family(family: Family, heads: Sequence[Head], folder: Path) -> None:
    """Write the result of each head into a file that is named after it."""
    for head in heads:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as work:
            row = measure(family, head, Path(work))
        row["seconds"] = round(time.perf_counter() - started, 1)
        (folder / head).write_text(json.dumps(row))


def measure(family: Family, head: Head, folder: Path) -> dict[str, Any]:
    """Make a model, import it, and compare the bundle with transformers; or say why it was refused."""
    from glossator.export.importing.sample_texts import sample_texts
    from glossator.service.errors import GlossatorError
    from glossator.workflows.models.model_import import import_model
    from glossator.workflows.models.proving_rows import Proof
    from glossator.workflows.reporter import Reporter
    from glossator.workflows.run_records import RunStore

    class Stages(Reporter):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def stage(self, line: str) -> None:
            self.lines.append(line)

    try:
        save_model(family, head, folder / "model", sample_texts())
    except LookupError as error:
        return {"refused": str(error)}
    stages, store = Stages(), RunStore(folder / "runs", ["import"])
    texts = folder / "texts.txt"
    texts.write_text("\n".join(text.replace("\n", " ") for text in sample_texts()[:FEW_TEXTS]) + "\n")
    options: dict[str, Any] = {"proof": Proof(texts=str(texts))} if head in _SINGLE else {}
    options |= {"max_flips": MAX_FLIPS} if head == INT8_HEAD else {"precision": "fp32"}
    try:
        found = import_model(str(folder / "model"), folder / "bundle", store, stages, **options)
    except GlossatorError as error:
        return {"refused": error.message, "found": error.found}
    except Exception as error:  # a fault of ours: the import must refuse with a reason
        return {"failed": f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"}
    manifest = found.exported.manifest
    return {
        "graph": "PyTorch's exporter" if any(line.startswith("no fast graph") for line in stages.lines) else "ours",
        "difference": compare(
            folder / "model", folder / "bundle", HEADS[head] if head != "vectors" else family.encoder
        ),
        "int8": int8_verdict(manifest.verification.parity),
        "batch_difference": manifest.verification.batch_difference,
    }


def int8_verdict(compared: Sequence[Any]) -> dict[str, Any] | None:
    """Return whether the last int8 graph was shown to change few decisions, its scheme, and how many it changes.

    It may still not be served: int8 graphs of models as small as these are slower than fp32.
    """
    last = compared[-1]
    if last.scheme == "fp32":
        return None
    return {"scheme": last.scheme, "accepted": last.non_inferior, "flips": last.decision_flips, "rows": last.rows}


def compare(model_folder: Path, bundle: Path, auto_class: str) -> float:
    """Return the largest difference between the fp32 graph and transformers, over texts of one and of many windows."""
    import transformers

    from glossator.export.importing.sample_texts import sample_pairs, sample_texts
    from glossator.modeling.torch_session import TorchSession
    from glossator.service.bundle import file_names
    from glossator.service.bundle.reader import read_bundle
    from glossator.service.inference.encoding import make_encoder, reads_pairs
    from glossator.service.inference.pipeline import InlineExecutor, Pipeline
    from glossator.service.inference.runtime.session import Session
    from glossator.service.tasks.encoded import Pair, Text

    task = read_bundle(bundle).manifest.task
    encoder = make_encoder(bundle / file_names.TOKENIZER, task)
    model = getattr(transformers, auto_class).from_pretrained(model_folder).eval()
    library = TorchSession(model, task)
    graph = Session(bundle / file_names.GRAPH_FP32, pad_token_id=task.encoding.pad_token_id)
    firsts, seconds = (side[:_COMPARED] for side in sample_pairs())
    long = " ".join(sample_texts()[:60])
    texts: list[Text] = [*map(Pair, [*firsts, firsts[0]], [*seconds, long])] if reads_pairs(task) else [*firsts, long]
    theirs = Pipeline(encoder, InlineExecutor(lambda windows: [library.run([each])[0] for each in windows]), task)
    ours = Pipeline(encoder, InlineExecutor(graph.run), task)
    encoded = ours.encode_all(texts)
    assert len(encoded[-1].windows) > 1
    return float(
        np.max([
            np.abs(one - other).max(initial=0.0)
            for one, other in zip(ours.pooled_outputs(encoded), theirs.pooled_outputs(encoded), strict=True)
        ])
    )  # fmt: skip


def write(families: dict[str, dict[str, Any]]) -> None:
    """Write both result files."""
    import transformers

    fields = {"machine": describe_machine()[0], "transformers": transformers.__version__, "families": families}
    write_result("families", fields)
    rows = [
        [name, head, *_cells(row)] for name, heads in families.items() for head in HEADS if (row := heads.get(head))
    ]
    text = "\n".join(
        [
            "# Families of models that `glossator import` accepts",
            "",
            f"{describe_machine()[0]}, transformers {transformers.__version__}. Random weights of small shapes, each "
            "family in a process of its own. Repeat with `python -m benchmarks.quality.model_families`.",
            "",
            markdown_table(["family", "head", "graph", "fp32 difference", "int8", "batch difference"], rows),
            "",
            "fp32 difference: largest difference of an output between the fp32 graph and transformers, the same "
            "windows one at a time. int8: decisions that the last int8 graph changed, and whether this shows that it "
            f"changes at most {MAX_FLIPS:.0%} of them. Batch difference: of the served graph, between texts alone and "
            "in batches.",
        ]
    )
    write_report("families", text)


def _cells(row: dict[str, Any]) -> list[str]:
    if "graph" not in row:
        return [f"refused: {row.get('refused') or row['failed']}", "", "", ""]
    int8 = row["int8"]
    verdict = "not tried" if int8 is None else f"{int8['scheme']}: {int8['flips']} of {int8['rows']}"
    shown = "" if int8 is None else ", accepted" if int8["accepted"] else ", not shown"
    return [row["graph"], f"{row['difference']:.1e}", verdict + shown, f"{row['batch_difference']:.1e}"]


if __name__ == "__main__":
    main()
