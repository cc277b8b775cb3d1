"""Check a wheel: it holds `glossator/` and its dist-info only, with all data files, and equals another build of it.

    python scripts/release/check_wheel.py WHEEL OTHER_WHEEL

The second wheel is built without the links in `glossator/` that static tools need. Prints each difference, and exits
with 1 if there is any. Uses only the standard library.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

EXPECTED = (
    "glossator/__init__.py",
    "glossator/__main__.py",
    "glossator/py.typed",
    "glossator/examples/notebooks/first_classifier.ipynb",
    "glossator/examples/tickets.csv",
    "glossator/evaluation/reports/document/report.css",
    "glossator/evaluation/reports/document/report.html",
    "glossator/service/api/web/static/studio.css",
    "glossator/service/api/web/static/review/review.js",
    "glossator/service/api/web/static/vendor/bootstrap-5.3.9.min.css",
    "glossator/service/api/web/templates/playground/page.html",
)


def contents(wheel: Path) -> dict[str, int]:
    """Return the name and the CRC-32 of every file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {each.filename: each.CRC for each in archive.infolist()}


def faults(wheel: dict[str, int], other: dict[str, int]) -> list[str]:
    """Return what is wrong with the contents of a wheel, compared with another build."""
    found = []
    top = sorted({name.partition("/")[0] for name in wheel})
    if not (len(top) == 2 and top[0] == "glossator" and top[1].endswith(".dist-info")):
        found.append(f"top-level entries: {', '.join(top)}. Expected: glossator and its dist-info")
    found += [f"missing: {name}" for name in EXPECTED if name not in wheel]
    differing = sorted(name for name in wheel.keys() | other.keys() if wheel.get(name) != other.get(name))
    found += [f"differs from the build without links: {name}" for name in differing]
    return found


def main(arguments: Sequence[str]) -> int:
    wheel, other = map(Path, arguments)
    found = faults(contents(wheel), contents(other))
    for each in found:
        print(each, file=sys.stderr)
    print(f"{wheel.name}: {len(contents(wheel))} files, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
