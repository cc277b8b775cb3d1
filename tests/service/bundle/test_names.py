from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from glossator.service.bundle.names import NAME_RULE, Name, check_model_name, repository_name
from glossator.service.errors import ConfigError

VALID = ["a", "7", "tickets", "tickets-v2.1_int8", "A" * 64]
INVALID = ["", ".hidden", "-o", "_x", "a/b", "a b", "naïve", "a\n", "A" * 65]


@pytest.mark.parametrize("name", VALID)
def test_valid_names_are_returned_unchanged(name: str) -> None:
    assert check_model_name(name) == name
    assert TypeAdapter(Name).validate_python(name) == name


@pytest.mark.parametrize("name", INVALID)
def test_invalid_names_are_refused_with_the_rule_and_the_hint(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_model_name(name, hint="Pass another --name.")
    assert (caught.value.expected, caught.value.hint) == (NAME_RULE, "Pass another --name.")
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("owner/name", "owner/name"),
        ("Owner-1/all-MiniLM_L6.v2", "Owner-1/all-MiniLM_L6.v2"),
        ("owner/name@refs/pr/1", "owner/name"),
        ("name", None),
        ("./name", None),
        ("../owner/name", None),
        ("/owner/name", None),
        ("owner/name/more", None),
        ("owner/name@", None),
        ("owner/-name", None),
        ("owner/na me", None),
    ],
)
def test_a_repository_is_an_owner_and_a_name(name: str, repository: str | None) -> None:
    assert repository_name(name) == repository
