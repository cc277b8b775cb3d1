"""A loaded head, and the models in memory that heads use as backbones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from glossator.service.inference.heads.head_executor import HeadLogits
from glossator.service.inference.runtime.session import Device

if TYPE_CHECKING:
    from glossator.service.inference.model import Model


class Head(NamedTuple):
    """The linear layer of a head, and the model whose vectors it reads."""

    logits: HeadLogits
    backbone: Model


class SharedModels:
    """The models in memory that heads use as backbones, by digest, threads and device.

    A model stays in memory as long as a head or a caller holds it. `lock` is held while one is loaded.
    """

    def __init__(self) -> None:
        self.models: WeakValueDictionary[tuple[str, int | None, Device], Model] = WeakValueDictionary()
        self.lock = threading.RLock()


SHARED = SharedModels()
