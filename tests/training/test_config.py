from __future__ import annotations

import pytest
from pydantic import ValidationError

from glossator.training.config import TrainingConfig


def test_every_option_has_a_default() -> None:
    config = TrainingConfig()
    assert config.base == "starter"
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": 1.0},
        {"learning_rate": float("nan")},
        {"head_learning_rate_factor": float("inf")},
        {"label_smoothing": 1.0},
        {"warmup_share": -0.1},
        {"max_length": 3},
        {"stride": -1},
        {"patience": 0},
        {"seed": -1},
        {"seed": 2**63},
        {"precision": "fp16"},
        {"device": "tpu"},
        {"threads": 0},
        {"state_every_seconds": -1.0},
        {"lerning_rate": 1e-4},
    ],
    ids=str,
)
def test_invalid_options_are_rejected(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingConfig.model_validate(options)
    assert [error["loc"] for error in caught.value.errors()] == [tuple(options)]
