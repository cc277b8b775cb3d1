"""Take the screenshot in the README: the page of a server with the two models of `make demo`, in light mode.

    python scripts/take_screenshot.py [DEMO] [PICTURE]

DEMO is the folder that `glossator demo` wrote (default: demo).
PICTURE is the file to write (default: docs/images/page.png).
Needs Playwright and Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
TEXT = "The Ridgeway tent I ordered on Tuesday (TH-157406) arrived with a broken pole."
ASKED = 5
"""The server measures the machine during its first requests; the picture shows the last answer."""
SIZE = {"width": 900, "height": 900}


@contextmanager
def serving(*bundles: Path) -> Iterator[str]:
    """The address of a server of these bundles, until the block ends."""
    command = [str(Path(sys.executable).with_name("glossator")), "serve", *map(str, bundles), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("listening on "):
                yield line.removeprefix("listening on ").strip()
                return
        raise SystemExit("the server did not start")
    finally:
        process.terminate()
        process.wait()


def take(url: str, first: str, second: str, picture: Path) -> None:
    """Ask both models on the page at `url`, and write the upper part of the page as PNG."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(color_scheme="light", viewport=SIZE).new_page()  # type: ignore[arg-type]
        page.goto(f"{url}/ui")
        page.wait_for_selector("#model")
        page.select_option("#model", first)
        page.select_option("#other", second)
        page.check("[name=explain]")
        page.fill("#text", TEXT)
        for _ in range(ASKED):
            with page.expect_response("**/ui/answer"):
                page.click("#predict button[type=submit]")
            page.locator("#answer article").nth(1).wait_for()
            page.wait_for_timeout(1000)
        page.evaluate("document.activeElement.blur(); document.querySelector('#text').rows = 2")
        page.evaluate("scrollTo(0, 0)")
        bottom = page.locator("#answer").bounding_box()
        assert bottom is not None
        clip = {"x": 0, "y": 0, "width": SIZE["width"], "height": bottom["y"] + bottom["height"] + 12}
        page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
        browser.close()


def main(arguments: list[str]) -> None:
    demo = Path(arguments[0]) if arguments else ROOT / "demo"
    picture = Path(arguments[1]) if len(arguments) > 1 else ROOT / "docs" / "images" / "page.png"
    picture.parent.mkdir(exist_ok=True)
    with serving(demo / "tickets", demo / "entities") as url:
        take(url, "tickets", "entities", picture)


if __name__ == "__main__":
    main(sys.argv[1:])
