from __future__ import annotations

import datetime
import json
from decimal import Decimal
from uuid import UUID

from glossator.service.documents.json_text import to_json


def test_values_that_json_lacks_become_the_nearest_json_value() -> None:
    row = {
        "nan": float("nan"),
        "inside": [float("inf"), {"a": -float("inf")}, 1.5],
        "time": datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC),
        "day": datetime.date(2024, 2, 29),
        "clock": datetime.time(1, 2, 3),
        "took": datetime.timedelta(seconds=90),
        "price": Decimal("1.10"),
        "id": UUID(int=7),
        "bytes": b"\x00\xff",
    }
    assert json.loads(to_json(row)) == {
        "nan": None,
        "inside": [None, {"a": None}, 1.5],
        "time": "2024-02-29T12:00:00+00:00",
        "day": "2024-02-29",
        "clock": "01:02:03",
        "took": "0:01:30",
        "price": "1.10",
        "id": "00000000-0000-0000-0000-000000000007",
        "bytes": "AP8=",
    }
