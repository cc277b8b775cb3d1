"""Which reviews count, and what they add up to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from two_versions import CHALLENGER, CHAMPION

from glossator.service.promotion.evidence import LARGEST_LOG, evidence_of, waiting
from glossator.service.promotion.records import Batch, Challenge, Disagreement, DisagreementReview, Verdict

CHALLENGE = Challenge(
    "challenge_1", "tickets", "promote", CHALLENGER, CHAMPION, 0.005, 0.05, 0.03, 1, 7, None, "open", 0.0, None
)


def batch(count: int = 20, number: int = 0, texts: int = 400, same: bool = False) -> Batch:
    kept = tuple(
        Disagreement(
            place * 20 + 3,
            f"r{place}",
            0,
            f"{0 if same else place + 1000 * number:064x}",
            {"labels": ["x"]},
            {"labels": ["y"]},
        )
        for place in range(count)
    )
    return Batch(number, None, "2026-01-02", texts, count, texts, kept)


def review(place: int, verdict: Verdict, number: int = 0, made: float = 1.0) -> DisagreementReview:
    return DisagreementReview(number, place, verdict, "ann", made=made)


def reviews(*each: DisagreementReview) -> dict[tuple[int, int], DisagreementReview]:
    return {one.key: one for one in each}


def test_a_review_waits_for_those_before_it() -> None:
    found = evidence_of(CHALLENGE, [batch()], reviews(review(0, "candidate"), review(1, "both"), review(3, "baseline")))
    assert (found.reviewed, found.ahead, found.verdicts["candidate"], found.verdicts["baseline"]) == (2, 1, 1, 0)
    assert len(waiting([batch()], reviews(review(0, "candidate")))) == 19
    assert waiting([batch()], reviews(review(0, "candidate")))[0] == (0, 1)


def test_one_review_is_enough_for_equal_texts_with_equal_answers() -> None:
    same = batch(same=True)
    assert waiting([same], {}) == [(0, 0)]
    found = evidence_of(CHALLENGE, [same], reviews(review(4, "candidate")))
    assert (found.reviewed, found.verdicts["candidate"], found.ahead) == (20, 20, 0)
    later = evidence_of(CHALLENGE, [same], reviews(review(4, "candidate"), review(5, "baseline", made=2.0)))
    assert (later.verdicts["candidate"], later.verdicts["baseline"]) == (1, 19)


def test_reviews_of_a_batch_that_another_process_froze_meanwhile_are_left_out() -> None:
    known = reviews(review(0, "candidate"), review(0, "baseline", number=1))
    assert waiting([batch()], known)[0] == (0, 1)
    found = evidence_of(CHALLENGE, [batch()], known)
    assert (found.reviewed, found.ahead, found.verdicts["candidate"]) == (1, 0, 1)


def test_what_is_skipped_counts_against_the_change() -> None:
    for direction in ("promote", "roll back"):
        challenge = replace(CHALLENGE, direction=direction)
        known = [
            evidence_of(challenge, [batch()], reviews(review(0, each))) for each in ("candidate", "baseline", "skipped")
        ]
        logs = [each.log_e_traffic for each in known]
        assert logs[2] == min(logs)
        assert known[2].verdicts["skipped"] == 1


def test_batches_are_combined_and_a_later_one_counts_while_an_earlier_one_waits() -> None:
    both = [batch(), batch(number=1)]
    found = evidence_of(
        CHALLENGE, both, reviews(review(0, "candidate"), review(0, "candidate", 1), review(1, "both", 1))
    )
    assert (found.reviewed, found.texts, found.disagreements) == (3, 800, 40)


def test_evidence_is_json_even_where_everything_is_known() -> None:
    whole = reviews(*(review(place, "candidate") for place in range(20)))
    found = evidence_of(CHALLENGE, [batch()], whole)
    fields = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert fields["log_e_logged"] == LARGEST_LOG
    assert fields["difference"] == pytest.approx(0.05)
    assert fields["difference_low"] < 0.05 < fields["difference_high"]
    assert found.shown
    assert evidence_of(CHALLENGE, [], {}).to_dict()["difference"] is None
