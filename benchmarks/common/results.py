"""Where benchmarks write their results."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
RESULTS = ROOT / "benchmarks" / "results"
