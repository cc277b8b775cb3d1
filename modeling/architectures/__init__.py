"""Models that transformers does not have, in its shape: they save, load and compute as its own classifiers do.

Each is registered with the Auto classes, so that a checkpoint opens the same way whatever its algorithm. They stand
here and not in `training`, because export and evaluation open them too.
"""

from __future__ import annotations

from functools import cache


@cache
def register() -> None:
    """Tells transformers of these models."""
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
