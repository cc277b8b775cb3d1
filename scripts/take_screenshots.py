"""Take the pictures of the Studio for README and docs/studio.md, in light and dark mode, wide and narrow.

    python scripts/take_screenshots.py [DEMO] [LOOP] [PICTURES]

DEMO is the folder that `glossator demo` wrote (default: demo), LOOP that of `glossator demo loop` (default: demo-loop).
PICTURES is the folder to write to (default: docs/images).
Needs Playwright and Chromium (`apt-get install chromium`). The folders are copied, and stay as they are.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = str(Path(sys.executable).with_name("glossator"))
TEXT = "The Ridgeway tent I ordered on Tuesday (TH-157406) arrived with a broken pole."
OTHER_TEXT = "I cannot log in any more since I changed my address."
FILE = ROOT / "examples" / "new_tickets.csv"
HEIGHT = 900
WIDE, NARROW = 1280, 390
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its file name, the page, and what is done there first."""

    name: str
    path: str
    prepare: Callable[[Any], None] = lambda page: None
    scheme: Literal["light", "dark"] = "light"
    width: int = WIDE
    height: int = HEIGHT


@contextmanager
def serving(demo: Path, loop: Path) -> Iterator[str]:
    """The address of a server of the demos' models, with the log and the reviews of the loop, until the block ends."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "loop"
        shutil.copytree(loop, folder)
        registry = folder / "registry"
        add = ["models", "add", str(demo / "entities"), "--registry", str(registry), "--name", "entities"]
        subprocess.run([PROGRAM, *add, "--why", "order numbers, products, dates and amounts"], check=True)
        options = ["--models", registry, "--log", folder / "log", "--log-texts", "--reports", folder, "--port", "0"]
        command = [PROGRAM, "serve", *map(str, options), "--jobs", str(folder / "jobs")]
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


def submit_files(url: str) -> str:
    """Submit a file as a job, and one to label by hand. Returns the id of the queue of the second."""
    with httpx.Client(base_url=url, timeout=_SECONDS) as client:
        client.post("/v1/jobs", data={"model": "tickets"}, files={"file": FILE.open("rb")}).raise_for_status()
        labelled = client.post("/v1/review-files", data={"model": "tickets"}, files={"file": FILE.open("rb")})
        labelled.raise_for_status()
        return f"file:{labelled.json()['id']}"


def predict(text: str, *, other: str = "", explain: bool = False) -> Callable[[Any], None]:
    """What types a text into the Playground and waits for the answer. `other`: a model, or how its version begins."""

    def prepare(page: Any) -> None:
        if other:
            page.select_option("#other", page.locator(f"#other option[value^='{other}']").last.get_attribute("value"))
        if explain:
            page.check("[name=explain]")
        page.fill("#text", text)
        page.click("#predict button[type=submit]")
        page.locator("#answer article").nth(1 if other else 0).wait_for()
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")

    return prepare


def wait_for(selector: str) -> Callable[[Any], None]:
    """What waits until something is on the page."""
    return lambda page: page.locator(selector).first.wait_for()


def pictures(queue: str) -> list[Picture]:
    """The main states of the Studio."""
    compared = predict(OTHER_TEXT, other="tickets@")
    return [
        Picture("page", "/ui?model=tickets", predict(TEXT, other="entities", explain=True), height=1000),
        Picture("studio-compare", "/ui?model=tickets", compared, scheme="dark"),
        Picture("studio-entities-phone", "/ui?model=entities", predict(TEXT), width=NARROW, height=1400),
        Picture("studio-models", "/ui/models", wait_for(".card"), height=720),
        Picture("studio-model", "/ui/models/tickets", wait_for("h1"), height=1100),
        Picture("studio-review", f"/ui/review/{queue}", wait_for("#work")),
        Picture("studio-review-phone", f"/ui/review/{queue}", wait_for("#work"), scheme="dark", width=NARROW),
        Picture("studio-queues", "/ui/review", wait_for(".card"), height=720),
        Picture("studio-monitor", "/ui/monitor/tickets", wait_for("canvas"), height=1400),
        Picture("studio-monitor-dark", "/ui/monitor/tickets", wait_for("canvas"), scheme="dark"),
        Picture("studio-jobs", "/ui/jobs", wait_for("a[download]")),
        Picture("studio-api", "/docs", wait_for(".opblock"), height=1100),
        Picture("studio-reports", "/ui/reports", wait_for("main a"), height=720),
    ]


def take(url: str, wanted: list[Picture], folder: Path) -> None:
    """Write the pictures as PNG. A message in the console of a page is an error."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for each in wanted:
            size: Any = {"width": each.width, "height": each.height}
            page = browser.new_context(color_scheme=each.scheme, viewport=size).new_page()
            page.on("console", lambda message: print(message.text, file=sys.stderr))
            page.goto(url + each.path)
            each.prepare(page)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"{each.name}.png")
            page.context.close()
            print(folder / f"{each.name}.png")
        browser.close()


def main(arguments: list[str]) -> None:
    demo, loop, folder = (
        Path(arguments[place]) if len(arguments) > place else ROOT / default
        for place, default in enumerate(("demo", "demo-loop", "docs/images"))
    )
    folder.mkdir(parents=True, exist_ok=True)
    with serving(demo, loop) as url:
        take(url, pictures(submit_files(url)), folder)


if __name__ == "__main__":
    main(sys.argv[1:])
