"""Every known kind of damage to a bundle: by which name it is refused, and how soon.

    python benchmarks/verify_damage.py BUNDLE [--about "..."] [--output benchmarks/results/verify_damage.md]

Each damage is done to a fresh copy, which is then loaded as the service loads it. Prints the table, and writes it to
`--output` if given, saying of the bundle what `--about` says. Exits with 1 where a damage is not refused by its name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from damages import Damage, damages, file_damages

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


def report(bundle: Path, about: str, model: Model, milliseconds: float) -> tuple[str, list[str]]:
    """The report in Markdown, and the damages that were not refused by their name."""
    manifest = model.bundle.manifest
    every = damages(manifest.task.problem_type)
    every += [damage for name in (file_names.MANIFEST, *manifest.files) for damage in file_damages(name)]
    rows, missed = [], []
    for damage in every:
        names, took = refusal(bundle, damage)
        rows.append([damage.name, ", ".join(names) or "NOTHING", f"{took:.0f}"])
        missed += [] if set(damage.caught_by) <= set(names) else [damage.name]
    size = sum(entry.size for entry in manifest.files.values()) / 1e6
    text = f"""# Damage to a bundle, and what it is caught by

{len(every) - len(missed)} of {len(every)} kinds of damage are refused by the name that they must be refused by. The
bundle is {about} `{manifest.name}`, digest `{manifest.digest[:12]}`: {size:.1f} MB, {len(model.bundle.golden)} golden
rows, served in {manifest.served.precision}. Undamaged it verifies and loads in {milliseconds:.0f} ms. Measured on
{describe_machine()[0]}.
Repeat with `python benchmarks/verify_damage.py BUNDLE`, on any bundle.

"Sealed" damage comes with sizes, hashes and digest written anew, as by somebody who edits a bundle by hand and knows
its format. What such an edit can hide is told in docs/bundle.md.

{markdown_table(["damage", "caught by", "ms"], rows, right=(2,))}
"""
    return text, missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--about", default="", help="what the bundle is, before its name")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    os.environ["RUST_BACKTRACE"] = "0"  # two damages make tokenizers panic, which it tells on stderr
    load(options.bundle)  # warms the page cache
    started = time.perf_counter()
    model = load(options.bundle)
    text, missed = report(options.bundle, options.about, model, 1000 * (time.perf_counter() - started))
    print(text, end="")
    if options.output is not None:
        options.output.parent.mkdir(exist_ok=True)
        options.output.write_text(text, encoding="utf-8")
    for name in missed:
        print(f"not refused by its name: {name}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
