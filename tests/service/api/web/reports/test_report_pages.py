"""The lists of reports, and reports that can do nothing but be read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from glossator.service.api.web.reports import stored_reports
from glossator.service.bundle.reader import read_manifest
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.files.report_metadata import MARKER, ReportMetadata
from glossator.service.inference.model import load

HOSTILE = "<img src=x onerror=alert(1)>"


def write_report(path: Path, **fields: str) -> None:
    about = ReportMetadata(**{"kind": "evaluation", "title": path.stem} | fields)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<html><head><meta name="{MARKER}" content="{escape(about.to_json())}"></head></html>')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "reports"
    write_report(root / "new/report.html", title=HOSTILE, created="2026-11-29T10:00:00+00:00", headline="accuracy 93 %")
    write_report(root / "old & gone/a b.html", kind="speed", title="Speed", created="2026-10-01T10:00:00+00:00")
    (root / "other.html").write_text("<script>alert(1)</script>")
    (root / "report.md").write_text("# no page")
    write_report(tmp_path / "secret.html", title="Secret")
    (root / "link.html").symlink_to(tmp_path / "secret.html")
    return root


@pytest.fixture
def client(make_client: Callable[..., TestClient], bundles: dict[str, Path], folder: Path) -> TestClient:
    return make_client({"intents": load(bundles["intents"], threads=1)}, reports=folder)


def test_reports_are_listed_the_newest_first_and_texts_are_escaped(client: TestClient) -> None:
    page = client.get("/ui/reports").text
    assert HOSTILE not in page
    assert escape(HOSTILE) in page.replace("<wbr>", "")
    assert page.index("accuracy 93 %") < page.index("2026-10-01 10:00")
    assert "Secret" not in page
    assert "other.html" not in page
    assert "2026-10-01 10:00" in client.get("/ui/reports?kind=speed").text
    assert "accuracy 93 %" not in client.get("/ui/reports?kind=speed").text


def test_a_report_runs_no_script_and_is_sandboxed(client: TestClient) -> None:
    found = client.get("/ui/reports/runs/old%20%26%20gone/a%20b.html")
    assert found.status_code == 200
    assert MARKER in found.text
    policy = found.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert client.get(found.url.path, headers={"If-None-Match": found.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["other.html", "report.md", "link.html", "../secret.html", "%2e%2e/secret.html", "new", "no.html", "a%00.html"],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    found = client.get(f"/ui/reports/runs/{path}")
    assert found.status_code == 404
    assert "Secret" not in found.text


def test_a_server_without_the_folder_says_how_to_turn_it_on(
    make_client: Callable[..., TestClient], bundles: dict[str, Path], tmp_path: Path
) -> None:
    models = {"intents": load(bundles["intents"], threads=1)}
    assert "--reports FOLDER" in make_client(models).get("/ui/reports").text
    missing = make_client(models, reports=tmp_path / "missing").get("/ui/reports")
    assert "cannot be read" in missing.text
    (tmp_path / "empty").mkdir()
    assert "No reports yet" in make_client(models, reports=tmp_path / "empty").get("/ui/reports").text


def test_a_very_large_folder_is_listed_in_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored_reports.list_folder(folder).is_complete
    monkeypatch.setattr(stored_reports, "MAX_ENTRIES", 3)
    listing = stored_reports.list_folder(folder)
    assert not listing.is_complete
    assert len(listing.reports) == 1


def test_folders_that_are_nested_too_deeply_do_not_hide_the_others(folder: Path) -> None:
    (folder / "zzz" / "/".join("d" * 40)).mkdir(parents=True)
    listing = stored_reports.list_folder(folder)
    assert not listing.is_complete
    assert len(listing.reports) == 2


def test_reports_in_a_bundle_are_listed_and_served_as_they_were_verified(
    make_client: Callable[..., TestClient], bundles: dict[str, Path], tmp_path: Path
) -> None:
    root = Path(shutil.copytree(bundles["intents"], tmp_path / "intents"))
    report = root / "evaluation/test-report.html"
    write_report(report, title="intents on test rows", headline="accuracy 93 %")
    write_manifest(root, read_manifest(bundles["intents"]).model_copy(update={"files": list_files(root)}))
    client = make_client({"intents": load(root, threads=1)})
    listed = client.get("/ui/reports/models/intents").text
    assert "intents on test rows" in listed
    url = "/ui/reports/models/intents/evaluation/test-report.html"
    assert f'href="{url}"' in listed
    assert "sandbox" in client.get(url).headers["content-security-policy"]
    assert client.get("/ui/reports/models/intents/bundle.json").status_code == 404
    report.write_text("changed")
    assert client.get(url).status_code == 404
    assert "test-report" not in client.get("/ui/reports/models/intents").text
