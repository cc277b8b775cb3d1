"""The stored imports of families agree with what the documents list and with what training accepts."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common.results import ROOT, read_newest
from benchmarks.common.tiny_models import FAMILIES
from benchmarks.quality.model_families import int8_verdict, wait_for
from glossator.service.bundle.manifest import Parity
from glossator.training.base_model import FAMILIES as TRAINED

STORED = read_newest("families").values["families"]


def parity(scheme: str, flips: int, *, non_inferior: bool) -> Parity:
    return Parity.model_validate(
        {
            "scheme": scheme, "excluded": [], "rows": 60, "max_logit_difference": 0.1, "decision_flips": flips,
            "metric": "agreement", "reference_value": 1.0, "graph_value": 1.0 - flips / 60,
            "non_inferior": non_inferior, "margin": 0.05, "texts_per_second": 100.0,
        }
    )  # fmt: skip


def test_every_family_is_stored_and_documented() -> None:
    assert list(STORED) == list(FAMILIES)
    table = Path(ROOT, "docs", "import.md").read_text(encoding="utf-8")
    assert [name for name in FAMILIES if f"\n| {name} | <!--figure families." not in table] == []


def test_training_accepts_only_families_that_can_be_imported() -> None:
    kinds = {family.model_type: name for name, family in FAMILIES.items()}
    assert sorted(TRAINED - kinds.keys()) == []
    refused = {kind for kind in TRAINED for row in STORED[kinds[kind]].values() if "graph" not in row}
    assert refused == set()


def test_every_import_is_within_the_limit_of_fp32() -> None:
    rows = [row for heads in STORED.values() for row in heads.values() if "graph" in row]
    assert len(rows) > 20
    assert max(row["difference"] for row in rows) <= 1e-4


def test_the_verdict_is_that_of_the_last_int8_graph() -> None:
    fp32, block = parity("fp32", 0, non_inferior=True), parity("block", 2, non_inferior=False)
    assert int8_verdict([fp32]) is None
    assert int8_verdict([fp32, parity("static", 9, non_inferior=False), block]) == {
        "scheme": "block", "accepted": False, "flips": 2, "rows": 60,
    }  # fmt: skip


def test_a_process_that_dies_is_reported_with_its_code() -> None:
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    assert wait_for(child.pid) == "the process ended with 7"
    child.returncode = 7  # it has been waited for
