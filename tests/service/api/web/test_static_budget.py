"""What the pages transfer: each file compressed as a server does, with the parts that the first page loads."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from starlette.testclient import TestClient

import glossator.service.api.web as web

STATIC = Path(web.__file__).parent / "static"
ALL_FILES = 500_000
FIRST_PAGE = 150_000


def compressed(content: bytes) -> int:
    return len(gzip.compress(content, compresslevel=9))


def test_all_scripts_and_styles_fit_the_budget() -> None:
    sizes = {
        file.relative_to(STATIC).as_posix(): compressed(file.read_bytes())
        for file in STATIC.rglob("*")
        if file.suffix in (".js", ".css", ".svg")
    }
    assert sum(sizes.values()) < ALL_FILES, sorted(sizes.items(), key=lambda each: -each[1])


def test_first_page_fits_the_budget(client: TestClient) -> None:
    page = client.get("/ui")
    assert page.status_code == 200
    parts = re.findall(r'(?:src|href|hx-get)="(/ui[^"]*)"', page.text)
    loaded = {part for part in parts if "/static/" in part}
    sizes = {part: compressed(client.get(part).content) for part in loaded} | {"/ui": compressed(page.content)}
    assert len(sizes) > 5
    assert sum(sizes.values()) < FIRST_PAGE, sizes


def test_vendored_files_carry_a_version_and_a_licence() -> None:
    names = [file.name for file in (STATIC / "vendor").iterdir()]
    files = [name for name in names if name.endswith((".js", ".css"))]
    assert files
    for name in files:
        matched = re.match(r"(.+?)-\d+\.\d+\.\d+\.", name)
        assert matched, name
        assert any(other.startswith(f"{matched[1]}-LICENSE") for other in names), name


def test_pages_name_only_files_that_exist() -> None:
    templates = Path(web.__file__).parent / "templates"
    for template in templates.rglob("*.html"):
        for name in re.findall(r"/ui/static/([\w./-]+\.(?:js|css|svg))", template.read_text(encoding="utf-8")):
            assert (STATIC / name).is_file(), (template.name, name)
