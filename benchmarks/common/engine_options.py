"""The options that the benchmarks against rivals share."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser of --checkpoint and --bundle, by default what `python -m benchmarks.quality.accuracy banking77` leaves in
    work/banking77, of --data with the corpora, and of --work, where rivals are installed and their graphs kept."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--checkpoint", type=Path, default=Path("work/banking77/checkpoint"))
    made.add_argument("--bundle", type=Path, default=Path("work/banking77/banking77"))
    made.add_argument("--data", type=Path, default=Path("../shared/data"))
    made.add_argument("--work", type=Path, default=Path("work"))
    return made
