from __future__ import annotations

from pathlib import Path

import glossator
from tests.support.sampled_bundle import other_texts, sampled_bundle


def test_a_result_is_short_as_text_and_whole_as_fields_and_table(tmp_path: Path) -> None:
    bundle = sampled_bundle(tmp_path / "votes")
    found = glossator.drift(bundle, other_texts(200, seed=9))
    assert len(repr(found)) < 300
    assert repr(found).startswith("DriftResult(votes@")
    assert "unknown_words" in repr(found)
    fields = found.to_dict()
    assert fields["texts"] == 200
    table = found.to_pandas()
    assert set(table[table["verdict"] == "drifted"].index) == set(found.comparison.drifted) == set(fields["drifted"])
    assert str(found).splitlines()[1] == f"drifted by more than 0.1: {', '.join(found.comparison.drifted)}"
    assert found._repr_html_().startswith("<pre>votes@")
