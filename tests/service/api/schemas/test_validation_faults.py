from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from glossator.service.api.schemas.validation_faults import field_path, list_faults
from glossator.service.errors import Fault


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    numbers: list[int]


def test_faults_contain_the_path_and_not_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"numbers": [1, "secret"], "other": "secret"})
    found = list_faults(caught.value)
    assert [(fault.name, fault.where) for fault in found] == [
        ("int-parsing", "numbers[1]"),
        ("extra-forbidden", "other"),
    ]
    assert "secret" not in str(found)


def test_faults_count_those_left_out() -> None:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"numbers": ["x"] * 1_234})
    found = list_faults(caught.value)
    assert len(found) == 21
    assert found[-1] == Fault("more-faults", "1,214 more")


def test_field_path_shortens_names_of_the_client() -> None:
    assert field_path(("numbers", 3, "x")) == "numbers[3].x"
    assert len(field_path(("n" * 1_000,))) == 40
    assert field_path(()) == ""
