"""An open page in a real Chromium, with what tests ask of every page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

SCREENSHOTS = os.environ.get("GLOSSATOR_SCREENSHOTS")
"""A folder for screenshots of the pages."""
BROKEN_WORDS = """() => {
  const broken = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.parentElement.checkVisibility()) continue;
    for (const word of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
      if (word[0].length > 32) continue; // a hash fits on no line
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.push(word[0]);
    }
  }
  return broken;
}"""
"""The words that the layout of a page breaks inside."""


class Visit:
    """An open page, its console errors and its requests to other hosts."""

    def __init__(self, browser: Any, url: str, scheme: str = "light", width: int = 1100) -> None:
        self.url = url
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 1000})
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._record_message)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._record_request)

    def _record_message(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _record_request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.url).netloc:
            self.foreign.append(request.url)

    def open(self, path: str = "/ui") -> Any:
        self.page.goto(self.url + path)
        return self.page

    def predict(self, text: str, model: str | None = None, other: str | None = None) -> Any:
        page = self.page
        page.wait_for_selector("#model")
        if model is not None:
            page.select_option("#model", model)
        if other is not None:
            page.select_option("#other", other)
        page.fill("#text", text)
        page.click("#predict button[type=submit]")
        page.wait_for_selector("#answer article")
        return page

    def screenshot(self, name: str) -> None:
        if SCREENSHOTS:
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True, caret="initial")

    def violations(self) -> list[str]:
        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {each['help']} {[node['html'] for node in each['nodes']][:3]}" for each in found]
