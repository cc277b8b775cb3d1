"""Registers our architectures with transformers, so that the Auto classes load any checkpoint."""

from __future__ import annotations

from functools import cache


@cache
def register_architectures() -> None:
    """Register every architecture with `AutoConfig` and `AutoModelForSequenceClassification`, once per process."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from glossator.modeling.architectures.bag import BagConfig, BagModel
    from glossator.modeling.architectures.majority import MajorityConfig, MajorityModel
    from glossator.modeling.architectures.pooled import PooledConfig, PooledModel
    from glossator.modeling.architectures.tfidf import TfidfConfig, TfidfModel

    for config, model in (
        (BagConfig, BagModel),
        (MajorityConfig, MajorityModel),
        (PooledConfig, PooledModel),
        (TfidfConfig, TfidfModel),
    ):
        AutoConfig.register(config.model_type, config)
        AutoModelForSequenceClassification.register(config, model)
