"""R9: schemathesis on the whole OpenAPI document, with requests that fit it and such that do not.

    python -m benchmarks.reliability.fuzz [--examples 250] [--sequences 150]

Every answer is held to the document: no server error, a status, a content type and a body that it describes. Writes
benchmarks/results/fuzz/.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
from schema_fuzz import CHECKS, document_of, fuzzed, operations, sequences
from vote_bundle import vote_bundle

KINDS = ("2xx", "3xx", "4xx", "5xx")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=250)
    parser.add_argument("--sequences", type=int, default=150)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        bundles = {
            "intents": vote_bundle(work / "intents", "single_label_classification"),
            "tags": vote_bundle(work / "tags", "multi_label_classification"),
        }
        with fuzzed(bundles, work / "jobs") as running:
            document = document_of(running)
            count = sum(1 for _ in document.get_all_operations())
            alone, failures = operations(document, options.examples)
            after, later = sequences(document, options.sequences)
    rows = [
        ["each operation by itself", *(f"{alone[kind]:,}" for kind in KINDS), str(len(failures))],
        ["in sequences", *(f"{after[kind]:,}" for kind in KINDS), str(len(later))],
    ]
    text = "\n".join([
        "# schemathesis on the OpenAPI document", "",
        f"{count} operations, up to {options.examples} requests each, then {options.sequences} sequences; "
        f"{alone.total() + after.total():,} requests in {time.monotonic() - began:,.0f} s; {describe_machine()[0]}. "
        "Repeat with `make fuzz`.", "",
        f"Checks: {', '.join(check.__name__.replace('_', ' ') for check in CHECKS)}.", "",
        markdown_table(["requests", *KINDS, "violations"], rows, right=(1, 2, 3, 4, 5)),
    ])  # fmt: skip
    write_report("fuzz", text)
    write_result("fuzz", {"operations": alone, "sequences": after, "failures": failures + later})
    print(text, *failures, *later, sep="\n")
    return int(bool(failures or later or alone["5xx"] or after["5xx"]))


if __name__ == "__main__":
    raise SystemExit(main())
