from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glossator.evaluation.analysis.robustness import (
    CHANGES,
    SAME_OFFSETS_CHANGES,
    add_typos,
    measure_robustness,
    remove_punctuation,
    to_lower_case,
    to_upper_case,
)
from glossator.evaluation.metrics.model_answers import answer_rows
from glossator.evaluation.reports.error_analysis_report import robustness_table
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.inference.model import load

Made = Callable[[str], Path]


@pytest.mark.parametrize("change", SAME_OFFSETS_CHANGES.values(), ids=SAME_OFFSETS_CHANGES)
@given(text=st.text())
@settings(deadline=None)
def test_same_offsets_changes_keep_the_offset_of_every_character(change: Callable[[str], str], text: str) -> None:
    changed = change(text)
    assert len(changed) == len(text)
    assert [each.isspace() for each in changed] == [each.isspace() for each in text]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@given(text=st.text(min_size=1).filter(str.strip))
@settings(deadline=None)
def test_changes_are_deterministic_and_leave_some_text(change: Callable[[str], str], text: str) -> None:
    assert change(text) == change(text)
    assert change(text).strip()


def test_changes_by_hand() -> None:
    assert add_typos("to be or not") == "to be or not"
    assert sorted(add_typos("please cancel it")) == sorted("please cancel it")
    assert add_typos("please cancel it") != "please cancel it"
    assert to_upper_case("straße ﬁne") == "STRAßE ﬁNE"
    assert to_lower_case("İstanbul") == "İstanbul"
    assert remove_punctuation("can't, won't!") == "can t won t"
    assert remove_punctuation("?!") == "?!"


def test_a_model_is_compared_with_itself_on_changed_texts(tiny_bundle: Made) -> None:
    pipeline = load(tiny_bundle("single_label_classification")).pipeline
    labels = pipeline.task.labels
    rows = LabelledRows(
        [f"Where is order {row}, please?" for row in range(24)], [(labels[row % 3],) for row in range(24)]
    )
    found = measure_robustness(pipeline, rows, answer_rows(pipeline, rows, name="unchanged"))
    assert [each.name for each in found] == list(CHANGES)
    assert {each.baseline for each in found} == {"original texts"}
    for each in found:
        assert each.difference.value == pytest.approx((len(each.gained) - len(each.lost)) / 24)
    assert robustness_table(found).count("\n") == 1 + len(CHANGES)
