"""The first page of the Studio in Chromium: what it transfers, and how long until one can type.

    python -m benchmarks.pages.first_page [BUNDLE]        (default: demo/tickets, which `make demo` makes)

Opens `/ui` of a fresh `glossator serve` in a new browser context, whose cache is empty, some times. "Interactive" is
the time from the start of the navigation until every script of the page has run: from then on the page answers what is
typed. Writes benchmarks/results/first_page/.
Needs Playwright and Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.common.results import write_report, write_result
from glossator.service.inference.runtime.machine import describe_machine

RUNS = 9
LIMITS = {"kilobytes": 150.0, "interactive": 1.0}
WIDTH, HEIGHT = 1280, 900
_PAINTED = """() => performance.getEntriesByName("first-contentful-paint").length > 0"""
_READ = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const parts = performance.getEntriesByType("resource");
  return {
    interactive: page.domContentLoadedEventEnd / 1000,
    painted: performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,
    kilobytes: [page, ...parts].reduce((sum, part) => sum + part.transferSize, 0) / 1000,
    requests: 1 + parts.length,
  };
}"""


@contextmanager
def serving(bundle: Path) -> Iterator[str]:
    """The address of a server of the bundle, until the block ends."""
    command = [sys.executable, "-m", "glossator", "serve", str(bundle), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        yield next(line.split("listening on ")[1].strip() for line in process.stderr if "listening on " in line)
    finally:
        process.terminate()
        process.wait()


def one_visit(browser: Browser, url: str) -> dict[str, float]:
    """The figures of one visit with an empty cache. Checks that the text field takes what is typed."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    try:
        page = context.new_page()
        page.goto(f"{url}/ui", wait_until="load")
        page.wait_for_function(_PAINTED)
        found: dict[str, Any] = page.evaluate(_READ)
        page.locator("#text").press_sequentially("my")
        assert page.input_value("#text") == "my"
        return found
    finally:
        context.close()


def main() -> int:
    bundle = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/tickets")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with serving(bundle) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        one_visit(browser, url)  # the server reads its files into memory
        runs = [one_visit(browser, url) for _ in range(RUNS)]
        version = browser.version
    lines = [
        "# The first page of the Studio",
        "",
        f"{RUNS} visits with an empty cache after one warm-up, Chromium {version} and the server on the same machine; "
        f"{describe_machine()[0]}. Repeat with `python -m benchmarks.pages.first_page BUNDLE`.",
        "",
        "| figure | median | min | max | limit |",
        "|---|---:|---:|---:|---:|",
    ]
    for key, name, digits in (
        ("kilobytes", "transferred, kB", 0),
        ("requests", "requests", 0),
        ("painted", "start of the navigation to the first content, s", 2),
        ("interactive", "start of the navigation to interactive, s", 2),
    ):
        values = [run[key] for run in runs]
        limit = f"{LIMITS[key]:g}" if key in LIMITS else ""
        figures = " | ".join(f"{pick(values):.{digits}f}" for pick in (statistics.median, min, max))
        lines.append(f"| {name} | {figures} | {limit} |")
    result = {"machine": describe_machine()[0], "browser": version, "limits": LIMITS, "runs": runs}
    write_report("first_page", "\n".join(lines))
    write_result("first_page", result)
    print("\n".join(lines))
    return int(any(statistics.median(run[key] for run in runs) > limit for key, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
