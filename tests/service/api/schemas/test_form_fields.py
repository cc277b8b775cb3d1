from __future__ import annotations

import pytest

from glossator.service.api.problems import InvalidRequest
from glossator.service.api.schemas.form_fields import read_fields
from glossator.service.api.schemas.jobs import JobForm
from glossator.service.api.schemas.review_files import ReviewFileForm
from glossator.service.api.transport.multipart import Form


def test_empty_fields_are_left_out_also_repeated_ones() -> None:
    form = Form(fields={"model": ["tickets"], "text_column": [""], "webhook": ["", ""]})
    assert read_fields(form, JobForm).model_dump(exclude_unset=True) == {"model": "tickets"}


def test_labels_may_be_repeated() -> None:
    assert read_fields(Form(fields={"labels": ["bug", "", "idea"]}), ReviewFileForm).labels == ["bug", "idea"]


def test_other_repeated_fields_and_all_invalid_ones_are_named() -> None:
    with pytest.raises(InvalidRequest) as repeated:
        read_fields(Form(fields={"model": ["a", "b"], "title": ["", "b"]}), ReviewFileForm)
    assert repeated.value.found == "model, title"
    with pytest.raises(InvalidRequest) as invalid:
        read_fields(Form(fields={"reviewers": ["9"], "colour": ["red"]}), ReviewFileForm)
    assert {fault.where for fault in invalid.value.faults} == {"reviewers", "colour"}
