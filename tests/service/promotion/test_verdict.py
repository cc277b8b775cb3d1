"""The verdict on a comparison, and the sentences that say why."""

from __future__ import annotations

from pathlib import Path

import pytest
from deployed_versions import DeployedVersions

from glossator.service.promotion.evidence import Evidence, evidence_of
from glossator.service.promotion.gates import Gate
from glossator.service.promotion.records import Challenge
from glossator.service.promotion.verdict import decision_numbers, evidence_sentences, is_allowed, objections

FAILED = Gate("memory", False, "its graphs have 9 MB, 3 times as much as the champion's (at most 2)")
OPEN = Gate("test file", None, "not checked")


def known(deployed: DeployedVersions, comparison: str) -> tuple[Challenge, Evidence]:
    store = deployed.store
    challenge = store.challenge(comparison)
    return challenge, evidence_of(challenge, store.batches(comparison), store.reviews(comparison))


@pytest.mark.parametrize("reviews", [0, 10_000])
def test_a_decision_is_allowed_if_nothing_speaks_against_it(tmp_path: Path, reviews: int) -> None:
    deployed = DeployedVersions(tmp_path)
    challenge, evidence = known(deployed, deployed.compare(1_500, reviews=reviews))
    assert evidence.shown == (reviews > 0)
    for gates in ([], [OPEN], [OPEN, FAILED]):
        against = objections(challenge, evidence, gates, waiting=7)
        assert is_allowed(evidence, gates) == (against == [])
        assert (f"memory: {FAILED.sentence}" in against) == (FAILED in gates)
        assert ("7 disagreements wait for a review" in against) == (reviews == 0)
    said = list(evidence_sentences(challenge, evidence))
    assert said[0].startswith("1,500 texts were answered by both")
    assert [each for each in said if each.startswith("shown:" if reviews else "not shown:")] != []
    assert decision_numbers(challenge, evidence, [OPEN])["gates"] == {"test file": OPEN.to_dict()}
    deployed.store.close()
