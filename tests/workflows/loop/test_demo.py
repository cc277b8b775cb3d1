"""The simulated week of the demonstration: its texts, and the sentences about what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.errors import ConfigError
from glossator.workflows.loop import demo
from glossator.workflows.loop.simulation import DayResult, Event, Simulated

CORPUS = Path(__file__).resolve().parents[3] / "examples" / "tickets.csv"


def test_the_new_kind_is_never_trained_on_and_no_text_comes_twice() -> None:
    tickets = demo.read_tickets(CORPUS)
    training, days = demo.split_week(tickets)
    assert len(training) == demo.TRAINING_ROWS
    assert all(each.label != demo.NEW_LABEL for each in training)
    texts = [each.text for each in training] + [each.text for day in days for each in day]
    assert len(texts) == len(set(texts)) == len(tickets)
    new = [sum(each.label == demo.NEW_LABEL for each in day) for day in days]
    assert new[: demo.FIRST_NEW_DAY - 1] == [0] * (demo.FIRST_NEW_DAY - 1)
    assert min(new[demo.FIRST_NEW_DAY - 1 :]) >= 10
    assert demo.split_week(tickets) == (training, days)


def test_another_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("text,category\na,b\n")
    with pytest.raises(ConfigError, match="other rows"):
        demo.read_tickets(tmp_path / "other.csv")


def _day(number: int, accuracy: float, new: int, version: str = "a") -> DayResult:
    return DayResult(number, 100, version, accuracy, accuracy, accuracy - 0.1, accuracy + 0.1, 50, 5, new)


def test_the_week_is_described_in_order() -> None:
    found = Simulated(
        days=[_day(1, 0.9, 0), _day(2, 0.5, 40), _day(3, 0.6, 40), _day(4, 0.8, 40, "b")],
        events=[
            Event("new texts", 1.2, 120, "account_access"),
            Event("drift", 1.9, 190, "the texts have changed"),
            Event("accuracy", 2.0, 200, "below"),
            Event("retrained", 2.0, 200, "tickets@b"),
            Event("promoted", 3.0, 300, "promoted: 40 disagreements"),
        ],
    )
    assert demo.tell(found) == [
        "before: 90 % of the answers were right",
        "day 2: tickets about account_access arrive; 55 % are right then",
        "alarm on day 2, after 70 texts: the texts have changed",
        "alarm at the end of day 2, after 80 texts: reviews show that the accuracy is too low",
        "retrained at the end of day 2: tickets@b",
        "at the end of day 3, promoted: 40 disagreements",
        "after: 80 % of the answers were right",
        "the reviewer looked at 200 answers and 20 disagreements, of 400 texts in all",
        "the interval contained the true accuracy on 4 of 4 days",
    ]
    assert "drift alarm" in demo.draw(found, "A week")


def test_a_week_without_a_promotion_says_so() -> None:
    said = demo.tell(Simulated(days=[_day(1, 0.9, 0)]))
    assert said[0] == "before: 90 % of the answers were right"
    assert any(line.startswith("no new version was promoted") for line in said)
