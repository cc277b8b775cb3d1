"""Registers our architectures with transformers, so that the Auto classes load any checkpoint."""

from __future__ import annotations

from functools import cache


@cache
def register_architectures() -> None:
    """Register every architecture with `AutoConfig` and the Auto class of its task, once per process."""
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

    from glossator.modeling.architectures.bag import BagConfig, BagModel
    from glossator.modeling.architectures.majority import MajorityConfig, MajorityModel
    from glossator.modeling.architectures.ngram_linear import NgramLinearConfig, NgramLinearModel
    from glossator.modeling.architectures.pooled import PooledConfig, PooledModel
    from glossator.modeling.architectures.static_table import StaticTableConfig, StaticTableModel
    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel
    from glossator.modeling.architectures.tfidf import TfidfConfig, TfidfModel

    for config, model in (
        (BagConfig, BagModel),
        (MajorityConfig, MajorityModel),
        (NgramLinearConfig, NgramLinearModel),
        (PooledConfig, PooledModel),
        (TfidfConfig, TfidfModel),
    ):
        AutoConfig.register(config.model_type, config)
        AutoModelForSequenceClassification.register(config, model)
    for encoder_config, encoder in ((StaticTableConfig, StaticTableModel), (TextVectorConfig, TextVectorModel)):
        AutoConfig.register(encoder_config.model_type, encoder_config)
        AutoModel.register(encoder_config, encoder)
