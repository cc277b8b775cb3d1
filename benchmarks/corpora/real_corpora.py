"""`glossator wrangle` on three public corpora as they were published: what it finds in real data.

    python -m benchmarks.corpora.real_corpora [--data ../shared/data]

Writes the report of each to benchmarks/results/wrangle/NAME.md. That of cfpb-complaints ends with a fault: some of its
classes have one row, which is what the report says.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import results

RESULTS = results.RESULTS / "wrangle"
CORPORA = {
    "cfpb-complaints": [
        "cfpb-complaints/complaints_sample.csv",
        *("--text-column", "Consumer complaint narrative", "--label-column", "Product", "--label-errors"),
    ],
    "sms-spam": ["sms-spam/train.jsonl", "--against", "sms-spam/test.jsonl", "--label-errors"],
    "goemotions": ["goemotions/train.jsonl.gz", "--against", "goemotions/test.jsonl"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data.resolve()
    for name, arguments in CORPORA.items():
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / name
            command = [sys.executable, "-m", "glossator", "wrangle", *arguments, "--quiet", "--output", str(output)]
            subprocess.run(command, cwd=data, stdout=subprocess.DEVNULL, check=False)
            (RESULTS / f"{name}.md").write_bytes((output / "report.md").read_bytes())
        print(f"wrote {RESULTS / name}.md", flush=True)


if __name__ == "__main__":
    main()
