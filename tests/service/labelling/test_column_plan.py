from __future__ import annotations

import pytest

from glossator.service.errors import ConfigError, UnknownColumn
from glossator.service.inference.answer_forms.answer_cells import LABELS
from glossator.service.labelling.column_plan import plan_columns


@pytest.mark.parametrize(
    ("original", "requested", "text", "reason"),
    [
        (["id", "note"], "note", "note", "as requested"),
        (["note"], None, "note", "the only column"),
        (["id", "sentence", "text"], None, "text", "it is named 'text'"),
        (["id", "utterance"], None, "utterance", "it is named 'utterance'"),
        ([], "note", "note", "as requested"),  # no readable row among the first: later rows may have it
    ],
)
def test_the_text_column_is_reason_with_a_reason(
    original: list[str], requested: str | None, text: str, reason: str
) -> None:
    columns = plan_columns(original, text_column=requested)
    assert (columns.text, columns.text_reason) == (text, reason)


def test_the_error_of_a_missing_column_lists_the_columns() -> None:
    with pytest.raises(UnknownColumn) as caught:
        plan_columns(["id", "note"], text_column="text")
    assert (caught.value.found, caught.value.expected) == ("text", "one of id, note")


def test_the_error_of_an_unclear_text_column_lists_the_columns() -> None:
    with pytest.raises(UnknownColumn, match="not clear") as caught:
        plan_columns(["id", "note"])
    assert caught.value.found == "id, note"
    with pytest.raises(UnknownColumn, match="no row could be read"):
        plan_columns([])


def test_added_columns_follow_the_original_ones() -> None:
    ours = ("score", "_row_id", "_status", "_error", "_model", "_tokens", "_windows", "_truncated")
    assert plan_columns(["text", "id"]).all == ("text", "id", "label", *ours)
    assert plan_columns(["text"], answers=LABELS).added == ("labels", *ours)
    assert plan_columns(["text"], prefix="p_").added == tuple(f"p_{name}" for name in ("label", *ours))


def test_an_existing_column_is_refused_with_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        plan_columns(["text", "label", "_status"])
    assert caught.value.found == "label, _status"
    assert "--prefix predicted_" in (caught.value.hint or "")
    assert plan_columns(["text", "label", "_status"], prefix="predicted_").added[0] == "predicted_label"
    assert plan_columns(["text", "label"], answers=LABELS).added[0] == "labels"


def test_text_column_is_found_by_its_values_and_is_never_one_that_does_not_vary() -> None:
    head = [{"a": f"row {n}", "b": f"where is my parcel number {n}", "text": "always the same"} for n in range(20)]
    assert plan_columns(["a", "b"], head=head).text == "b"
    assert plan_columns(["a", "b"], head=head).text_reason == "no other column looks like texts"
    assert plan_columns(["text", "b", "a"], head=head).text == "b"
    assert plan_columns(["a", "text"], head=head).text == "text"
    with pytest.raises(UnknownColumn):
        plan_columns(["a", "b"])
    rows = [row | {"comment": row["b"]} for row in head]
    assert plan_columns(["text", "comment"], head=rows).text == "comment"


def test_text_column_by_number() -> None:
    assert plan_columns(["id", "note"], text_column="2").text == "note"
