"""Every known kind of damage to a bundle: the name of its refusal, and the time until then.

    python -m benchmarks.reliability.verify_damage BUNDLE [--about "..."]

Each damage is done to a fresh copy, which is then loaded as the service loads it. Writes
benchmarks/results/verify_damage/; the report describes the bundle as `--about` says. Exits with 1 if a
damage is not refused under its name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common.damages import Damage, damages, file_damages
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle import file_names
from glossator.service.errors import BundleError
from glossator.service.inference.model import Model, load
from glossator.service.inference.runtime.machine import describe_machine


def refusal(bundle: Path, damage: Damage) -> tuple[list[str], float]:
    """The names that a damaged copy of `bundle` is refused by, none where it is served; and the milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(bundle, Path(folder, "bundle")))
        damage.inflict(copy)
        started = time.perf_counter()
        try:
            load(copy)
            names = []
        except BundleError as error:
            names = sorted({fault.name for fault in error.faults}) or [error.code]
        return names, 1000 * (time.perf_counter() - started)


def measure(bundle: Path, model: Model) -> list[dict[str, Any]]:
    """Each damage with the names it must be refused by, those it was refused by, and the milliseconds."""
    manifest = model.bundle.manifest
    every = damages(manifest.task.problem_type)
    every += [damage for name in (file_names.MANIFEST, *manifest.files) for damage in file_damages(name)]
    found = []
    for damage in every:
        names, took = refusal(bundle, damage)
        found.append({"damage": damage.name, "expected": list(damage.caught_by), "caught_by": names, "ms": took})
    return found


def missed(found: list[dict[str, Any]]) -> list[str]:
    """The damages that were not refused by their name."""
    return [each["damage"] for each in found if not set(each["expected"]) <= set(each["caught_by"])]


def report(found: list[dict[str, Any]], about: str, model: Model, milliseconds: float) -> str:
    """The report in Markdown."""
    manifest = model.bundle.manifest
    rows = [[each["damage"], ", ".join(each["caught_by"]) or "NOTHING", f"{each['ms']:.0f}"] for each in found]
    size = sum(entry.size for entry in manifest.files.values()) / 1e6
    return f"""# Damage to a bundle, and what it is caught by

{len(found) - len(missed(found))} of {len(found)} kinds of damage are refused under the right name. The
bundle is {about} `{manifest.name}`, digest `{manifest.digest[:12]}`: {size:.1f} MB, {len(model.bundle.golden)} golden
rows, served in {manifest.served.precision}. Undamaged it verifies and loads in {milliseconds:.0f} ms. Measured on
{describe_machine()[0]}.
Repeat with `python -m benchmarks.reliability.verify_damage BUNDLE`, on any bundle.

"Sealed" damage has new sizes, hashes and digest, as if somebody who knows the format had edited the bundle by hand.
docs/bundle.md says what such an edit can hide.

{markdown_table(["damage", "caught by", "ms"], rows, right=(2,))}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--about", default="", help="what the bundle is, before its name")
    options = parser.parse_args()
    os.environ["RUST_BACKTRACE"] = "0"  # two damages make tokenizers panic, which it reports on stderr
    load(options.bundle)  # warms the page cache
    started = time.perf_counter()
    model = load(options.bundle)
    milliseconds = 1000 * (time.perf_counter() - started)
    found = measure(options.bundle, model)
    text = report(found, options.about, model, milliseconds)
    print(text, end="")
    write_report("verify_damage", text)
    fields = {"machine": describe_machine()[0], "load_ms": milliseconds, "damages": found}
    write_result("verify_damage", fields)
    for name in missed(found):
        print(f"not refused by its name: {name}", file=sys.stderr)
    return int(bool(missed(found)))


if __name__ == "__main__":
    sys.exit(main())
