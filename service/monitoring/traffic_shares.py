"""A share of the traffic of a model that another of its versions gets: `MODEL=VERSION:SHARE`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"(?P<model>[^=@\s]+)=(?P<version>[a-z0-9][a-z0-9_-]*):(?P<share>[0-9.eE+-]+)")


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """A version of a model, and the share of the model's traffic that it gets, from 0 to 1."""

    model: str
    version: str
    """An alias, `previous` (the champion before the current one), a digest, or the first digits of one."""
    share: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `MODEL=VERSION:SHARE`. Raises ValueError."""
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError(f"{text!r} is not MODEL=VERSION:SHARE, such as tickets=challenger:0.2")
        try:
            share = float(form["share"])
        except ValueError:
            raise ValueError(f"the share in {text!r} is not a number") from None
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"the share in {text!r} is not from 0 to 1, such as 0.2")
        return cls(form["model"], form["version"], share)

    def __str__(self) -> str:
        return f"{self.model}={self.version}:{self.share:.12g}"


def position(value: str, *, use: str, seed: int = 0) -> float:
    """Return the place of a value in the traffic, from 0 to below 1: it belongs to a share that is greater.

    Places of different values are independent and uniform; so are those of one value for different uses or seeds.
    """
    digest = hashlib.sha256(f"{use}\0{seed}\0{value}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)
