from __future__ import annotations

import pytest

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model


def test_create_app_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="no model to serve"):
        create_app({}, Settings())


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".hidden", "ü", "x" * 65])
def test_create_app_refuses_invalid_model_names(served_models: dict[str, Model], name: str) -> None:
    with pytest.raises(ConfigError, match="invalid model name"):
        create_app({name: served_models["intents"]}, Settings())


def test_create_app_serves_a_model_under_its_key(served_models: dict[str, Model]) -> None:
    app = create_app({"champion": served_models["intents"]}, Settings())
    assert list(app.state.service.models) == ["champion"]
    assert not app.state.service.warm  # nothing runs before the app starts
