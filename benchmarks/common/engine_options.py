"""The options that the benchmarks against rivals share."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser with four options: --checkpoint and --bundle, by default in work/banking77, where
    `python -m benchmarks.quality.accuracy banking77` writes them; --data, the folder of the corpora; and --work, where
    rivals are installed and their graphs are written."""
    result = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--checkpoint", type=Path, default=Path("work/banking77/checkpoint"))
    result.add_argument("--bundle", type=Path, default=Path("work/banking77/banking77"))
    result.add_argument("--data", type=Path, default=Path("../shared/data"))
    result.add_argument("--work", type=Path, default=Path("work"))
    return result
