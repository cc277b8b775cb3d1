"""The story of the loop: how its corpus is divided, and the figures that are read from its days."""

from __future__ import annotations

from pathlib import Path

from benchmarks.loop import story
from glossator.workflows.loop.simulation import DayResult, Event, Simulated, Text


def test_new_classes_come_on_their_day_and_no_text_comes_twice() -> None:
    corpus = [Text(f"text {number}", f"class {number % 77:02d}") for number in range(13_000)]
    training, days, new_classes = story.split(corpus)
    assert (len(training), len(days), len(new_classes)) == (story.TRAINING_ROWS, story.DAYS, story.NEW_CLASSES)
    assert not {each.label for each in training} & set(new_classes)
    counts = [sum(each.label in new_classes for each in day) for day in days]
    later = story.DAYS - story.FIRST_NEW_DAY + 1
    assert counts == [0] * (story.FIRST_NEW_DAY - 1) + [story.NEW_A_DAY] * later
    texts = [each.text for day in days for each in day] + [each.text for each in training]
    assert len(texts) == len(set(texts))
    assert story.split(corpus)[1] == days


def _day(number: int, accuracy: float, new: int) -> DayResult:
    return DayResult(number, 100, "a", accuracy, accuracy, accuracy - 0.1, accuracy + 0.1, 40, 10, new)


def test_the_figures_are_those_of_the_days(tmp_path: Path) -> None:
    found = Simulated(
        days=[_day(1, 0.9, 0), _day(2, 0.5, 25), _day(3, 0.7, 25), _day(4, 0.8, 25)],
        events=[
            Event("new texts", 1.1, 110, "x"),
            Event("accuracy", 2.0, 200, "low"),
            Event("retrained", 2.0, 200, "y"),
            Event("promoted", 3.0, 300, "z"),
        ],
    )
    figures = story.describe(found, 1_000, ["x"])
    assert figures["accuracy"] == {"before": 0.9, "fallen": 0.6, "after": 0.8}
    assert (figures["texts_to_accuracy_alarm"], figures["texts_to_drift_alarm"]) == (90, None)
    assert (figures["labels_from_change_to_promotion"], figures["labels"], figures["days_inside"]) == (100, 200, 4)
    story.write(tmp_path, figures, found)
    assert sorted(path.suffix for path in tmp_path.glob("loop_story/*")) == [".json", ".md", ".svg"]
    (report,) = tmp_path.glob("loop_story/*.md")
    assert "|   3 | a" in report.read_text()
