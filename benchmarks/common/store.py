"""Store what another program measured on this machine, in the format of the results.

    python -m benchmarks.common.store NAME VALUES.json [REPORT.md]

Writes benchmarks/results/NAME/. Scripts in `benchmarks/` call `write_result` themselves.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.common.results import write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("values", metavar="VALUES.json", type=Path)
    parser.add_argument("report", metavar="REPORT.md", type=Path, nargs="?")
    options = parser.parse_args()
    report = options.report.read_text(encoding="utf-8") if options.report else None
    print(write_result(options.name, json.loads(options.values.read_text(encoding="utf-8")), report=report))


if __name__ == "__main__":
    main()
