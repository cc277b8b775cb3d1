"""The page of a review queue in Chromium: how long from a key press until the next item is on the screen.

    python -m benchmarks.pages.review_keys [BUNDLE]        (default: demo/tickets, which `make demo` makes)

Makes a queue of a file with ten labels on a fresh `glossator serve`, and delays each of its JSON answers by 200 ms.
Then a script reviews it with keys, one press when the next item is there and 0.3 s have passed, in two passes: 100
items, and 300 with a fresh page in the middle. A time begins with the event of the press and ends when the browser has
painted the next item. After each pass, all labels must be on the server once. Writes benchmarks/results/review_keys/.
Needs Playwright and Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from playwright.async_api import Page, Route, async_playwright

from benchmarks.common.results import write_report, write_result
from glossator.service.inference.runtime.machine import describe_machine

SERVER_SECONDS = 0.2
PAUSE_MS = 300
LIMIT_MS = 50.0
PASSES = {"100 items": (100,), "300 items, one reload": (150, 150)}
ROWS = 420
LABELS = [
    "refund", "delivery", "invoice", "password", "cancel", "address", "payment", "warranty", "praise", "other",
]  # fmt: skip
KEYS = "1234567890"
_TIMING = """
const times = [];
let pressed = null;
addEventListener("keydown", (event) => (pressed = event.timeStamp), true);
addEventListener("DOMContentLoaded", () => {
  const watcher = new MutationObserver(() => {
    const began = pressed;
    if (began === null) return;
    pressed = null;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => times.push(performance.now() - began);
      port2.postMessage(null);
    });
  });
  watcher.observe(document.querySelector("#item"), { attributeFilter: ["data-item"] });
});
window.readTimes = () => times;
"""
"""A message that is posted in the callback of a frame arrives after the frame is painted."""


@dataclass
class Pass:
    """The times of one pass, in milliseconds, and how long it took as a whole, with the pauses."""

    milliseconds: list[float]
    seconds: float


@contextmanager
def serving(bundle: Path, folder: Path) -> Iterator[str]:
    """The address of a server that keeps files to label, until the block ends."""
    command = [sys.executable, "-m", "glossator", "serve", str(bundle), "--reviews", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield next(line.split("listening on ")[1].strip() for line in process.stderr if "listening on " in line)
    finally:
        process.terminate()
        process.wait()


async def make_queue(page: Page, url: str) -> str:
    """The address of a new queue, made by the form."""
    rows = "".join(f"Where is my parcel number {row}? I ordered it {row % 9 + 1} weeks ago.\n" for row in range(ROWS))
    await page.goto(f"{url}/ui/review/files/new")
    file: Any = {"name": "tickets.csv", "mimeType": "text/csv", "buffer": f"text\n{rows}".encode()}
    await page.set_input_files("#file", file)
    await page.select_option("#suggestions", "none")
    await page.fill("#labels", "\n".join(LABELS))
    await page.get_by_role("button", name="Make the queue").click()
    await page.wait_for_url("**/ui/review/file*")
    return page.url


async def review(page: Page, items: int) -> list[float]:
    """The times of the presses that review this many items."""
    await page.locator("#work").wait_for()
    for number in range(items):
        shown = await page.locator("#item").get_attribute("data-item")
        await page.keyboard.press(KEYS[number % len(KEYS)])
        await page.locator(f'#item:not([data-item="{shown}"])').wait_for(timeout=60_000)
        await page.wait_for_timeout(PAUSE_MS)
    times: list[float] = await page.evaluate("readTimes()")
    await page.locator("#saved", has_text="Saved").wait_for(timeout=60_000)
    if len(times) != items:
        raise AssertionError(f"{items} presses, but {len(times)} times")
    return times


async def run_pass(browser: Any, url: str, parts: tuple[int, ...]) -> Pass:
    """Review a new queue; the page is loaded again for each part."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})

    async def delay(route: Route) -> None:
        await asyncio.sleep(SERVER_SECONDS)
        await route.continue_()

    page = await context.new_page()
    address = await make_queue(page, url)
    await context.add_init_script(_TIMING)
    await context.route("**/*.json*", delay)
    began = time.perf_counter()
    times = []
    for items in parts:
        await page.goto(address)
        times += await review(page, items)
    seconds = time.perf_counter() - began
    check_stored(url, sum(parts))
    await context.close()
    return Pass(times, seconds)


def check_stored(url: str, items: int) -> None:
    """Raise AssertionError unless the newest queue has exactly this many reviewed rows."""
    with urlopen(f"{url}/v1/review-files") as response:
        newest = json.load(response)["files"][0]
    if (newest["done"], sum(each["reviews"] for each in newest["reviewers"])) != (items, items):
        raise AssertionError(f"{items} items were reviewed, but the server has {newest}")


async def measure(bundle: Path) -> tuple[dict[str, Pass], str]:
    """All passes, and the version of the browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, serving(bundle, Path(folder)) as url:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            found = {name: await run_pass(browser, url, parts) for name, parts in PASSES.items()}
            return found, browser.version


def main() -> int:
    found, version = asyncio.run(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "demo/tickets")))
    lines = [
        "# From a key press to the next item",
        "",
        f"A queue of {len(LABELS)} labels, {SERVER_SECONDS * 1000:.0f} ms added to each answer of the server, Chromium "
        f"{version} and the server on the same machine; {describe_machine()[0]}. "
        "Repeat with `python -m benchmarks.pages.review_keys BUNDLE`.",
        "",
        "| pass | median, ms | p95, ms | longest, ms | limit, ms | sum of the page's part, s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, each in found.items():
        times = sorted(each.milliseconds)
        figures = (statistics.median(times), times[int(0.95 * len(times))], times[-1], LIMIT_MS, sum(times) / 1000)
        lines.append(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    lines += ["", "All labels of each pass were on the server once."]
    passes = {
        name: {"milliseconds": [round(value, 1) for value in each.milliseconds], "seconds": round(each.seconds, 1)}
        for name, each in found.items()
    }
    result = {"machine": describe_machine()[0], "browser": version, "limit_ms": LIMIT_MS, "passes": passes}
    write_report("review_keys", "\n".join(lines))
    write_result("review_keys", result)
    print("\n".join(lines))
    return int(any(statistics.median(each.milliseconds) > LIMIT_MS for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
