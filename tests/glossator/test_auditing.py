"""`glossator.evidence` and `glossator.verify_evidence`"""

from __future__ import annotations

from pathlib import Path

import pytest
from vote_bundle import vote_bundle

import glossator
from glossator.service.errors import ConfigError


def test_writes_and_verifies_a_folder(tmp_path: Path) -> None:
    bundle = vote_bundle(tmp_path / "votes", "single_label_classification")
    lines: list[str] = []
    written = glossator.evidence(str(bundle), str(tmp_path / "evidence"), progress=lines.append)
    assert isinstance(written, glossator.WrittenEvidence)
    assert lines[0] == "verifying the bundle and copying the records"
    assert any(sentence.startswith("No data card") for sentence in written.missing)
    assert repr(written) == (
        f"WrittenEvidence({written.model}: {written.files} files in {tmp_path / 'evidence'}, not signed, "
        f"{len(written.missing)} records missing)"
    )
    found = glossator.verify_evidence(tmp_path / "evidence", bundle)
    assert repr(found) == f"VerifiedEvidence({tmp_path / 'evidence'}: verified)"
    assert (found.verified, found.digest) == (True, written.digest)
    (tmp_path / "evidence" / "annex_iv.md").write_text("All is well.")
    changed = glossator.verify_evidence(tmp_path / "evidence")
    assert [each.where for each in changed.faults] == ["annex_iv.md"]
    assert f"1 wrong, first: {changed.faults[0].message}" in repr(changed)
    with pytest.raises(ConfigError, match="test rows need the bundle"):
        glossator.verify_evidence(tmp_path / "evidence", test="test.jsonl")
