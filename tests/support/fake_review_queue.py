"""A review queue in memory that answers the requests of a page, for what a real server does rarely or slowly."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

Item = dict[str, Any]


class FakeReviewQueue:
    """Answers `items.json`, `reviews.json` and `undo.json` of one queue, with the rules of the real routes."""

    def __init__(self, kind: str, labels: list[str], items: list[Item], **more: Any) -> None:
        self.about: dict[str, Any] = {"queue": "file:fake", "kind": kind, "labels": labels, **more}
        self.items = [{**_ITEM, "id": str(number), **item} for number, item in enumerate(items)]
        self.verdicts: dict[str, dict[str, Any]] = {}
        """By item: the newest review."""
        self.refused: dict[str, str] = {}
        """Items whose reviews are refused, and why."""
        self.failure: int | None = None
        """0: no connection. Another number: all requests are answered with this status."""
        self.blind: list[bool] = []

    def answer(self, route: Any) -> None:
        """Answer one request of a page, as a handler of Playwright's `route`."""
        if self.failure == 0:
            route.abort("connectionrefused")
            return
        if self.failure is not None:
            route.fulfill(status=self.failure, json={"detail": "this does not work", "hint": "Try another."})
            return
        address = urlsplit(route.request.url)
        body = json.loads(route.request.post_data or "{}")
        route.fulfill(json=self.respond(address.path.rpartition("/")[2], parse_qs(address.query), body))

    def respond(self, name: str, query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        """The JSON of one response."""
        if name == "items.json":
            self.blind.append(query["blind"] == ["1"])
            waiting = [self._shown(item) for item in self.items if item["id"] not in self.verdicts]
            return {**self.about, "items": waiting[: int(query["count"][0])], "progress": self.progress()}
        if name == "undo.json":
            undone = self.verdicts.pop(body["id"], None) is not None
            item = next(each for each in self.items if each["id"] == body["id"])
            return {"item": item, "undone": undone, "progress": self.progress()}
        return {"results": [self._store(each) for each in body["reviews"]], "progress": self.progress()}

    def progress(self) -> dict[str, Any]:
        """Counts, and a sentence about the interval."""
        skipped = sum("skip" in each["verdict"] for each in self.verdicts.values())
        return {
            "done": len(self.verdicts), "total": len(self.items), "skipped": skipped, "mine": len(self.verdicts),
            "reviewers": [{"name": "anonymous", "done": len(self.verdicts)}],
            "sentence": "interval now ±3.1 points; about 120 more for ±2",
        }  # fmt: skip

    def _shown(self, item: Item) -> Item:
        return {**item, "suggestion": None} if self.blind[-1] else item

    def _store(self, review: dict[str, Any]) -> dict[str, Any]:
        if review["id"] in self.refused:
            return {"id": review["id"], "status": "error", "message": self.refused[review["id"]], "hint": "Try again."}
        known = self.verdicts.get(review["id"]) == review
        self.verdicts[review["id"]] = review
        return {"id": review["id"], "status": "known" if known else "stored"}


_ITEM: Item = {
    "text": "", "second": None, "note_for_reviewer": None, "suggestion": None, "options": None, "opinions": None,
}  # fmt: skip
