"""Parts of the release check: dates of archives, changelog, licences. scripts/release/release_check.py runs them."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("license_expression")  # of the tools of a release
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts" / "release"))  # before the imports that follow

import build_release
import release_check
import release_sbom
import use_extra

POLICY = release_sbom.read_policy()


def sdist(folder: Path, mtime: int, mode: int, names: list[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            (folder / name).write_text(name)
            entry = archive.gettarinfo(str(folder / name), arcname=name)
            entry.mtime, entry.mode, entry.uname = mtime, mode, f"user-{mtime}"
            with (folder / name).open("rb") as file:
                archive.addfile(entry, file)
    return packed.getvalue()


def test_an_sdist_does_not_depend_on_when_where_and_by_whom_it_was_built(tmp_path: Path) -> None:
    one = sdist(tmp_path, 1_700_000_000, 0o644, ["a", "b"])
    two = sdist(tmp_path, 1_800_000_000, 0o600, ["b", "a"])
    assert one != two
    assert build_release.with_date(one, 1_600_000_000) == build_release.with_date(two, 1_600_000_000)
    with tarfile.open(fileobj=io.BytesIO(build_release.with_date(two, 1_600_000_000))) as archive:
        assert [(each.name, each.mtime, each.mode, each.uname) for each in archive] == [
            ("a", 1_600_000_000, 0o644, ""),
            ("b", 1_600_000_000, 0o644, ""),
        ]


def test_the_version_and_the_changelog_are_those_of_the_project() -> None:
    version = release_check.project_version()
    assert release_check.check_version(version, None) == version
    assert release_check.check_changelog(version, released=False)
    with pytest.raises(release_check.Failed, match=r"expected v"):
        release_check.check_version(version, "v99.0.0")


def test_a_release_needs_its_own_entry_in_the_changelog() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-01-02\n"
    assert "1.0.0" in release_check.check_changelog("1.0.0", released=True, text=text)
    with pytest.raises(release_check.Failed, match=r"no entry for 1\.1\.0"):
        release_check.check_changelog("1.1.0", released=True, text=text)


@pytest.mark.parametrize(
    ("stated", "fault"),
    [
        ([{"license": {"id": "MIT"}}], None),
        ([{"expression": "GPL-3.0-only OR MIT"}], None),
        ([{"expression": "GPL-3.0-only AND MIT"}], "not allowed: GPL-3.0-only"),
        ([{"license": {"id": "MIT"}}, {"license": {"name": "License :: DFSG approved"}}], None),
        ([{"license": {"name": "License :: OSI Approved :: Apache Software License"}}], None),
        ([{"license": {"name": "All rights reserved"}}], "no licence is known"),
        ([], "no licence is known"),
    ],
)
def test_unknown_and_refused_licences_are_faults(stated: list[dict[str, object]], fault: str | None) -> None:
    found = release_sbom.faults([{"name": "package", "version": "1.0", "licenses": stated}], POLICY)
    if fault is None:
        assert not found
    else:
        assert len(found) == 1
        assert fault in found[0]


def test_every_vendored_file_is_in_the_sbom_with_its_licence(tmp_path: Path) -> None:
    components = release_sbom.vendored_components(release_sbom.VENDORED, POLICY)
    assert not release_sbom.faults(components, POLICY)
    files = {each.name for each in release_sbom.VENDORED.iterdir() if not release_sbom.LICENCE_FILES.search(each.name)}
    assert {each["name"] for each in components} == files
    (tmp_path / "other-1.2.3.min.js").write_text("x")
    (component,) = release_sbom.vendored_components(tmp_path, POLICY)
    assert component["version"] == "1.2.3"
    assert component["hashes"][0]["content"] == hashlib.sha256(b"x").hexdigest()
    assert release_sbom.faults([component], POLICY)


@pytest.mark.skipif(not Path(sys.executable).with_name("zizmor").is_file(), reason="zizmor is not installed")
def test_workflows_pin_every_action_and_have_no_findings() -> None:
    assert release_check.lint_workflows()
    root = release_check.ROOT
    used = subprocess.run(
        ["grep", "-rhoE", r"uses: \S+", str(root / ".github")], capture_output=True, text=True, check=True
    ).stdout.split("uses: ")[1:]
    assert used
    assert all(len(each.strip().partition("@")[2]) == 40 for each in used)


def test_every_extra_is_used_in_its_own_environment() -> None:
    assert set(use_extra.USES) == set(release_check.EXTRAS)


def test_a_failed_check_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> str:
        raise release_check.Failed("two builds differ")

    checks = release_check.Checks()
    assert not checks.run("reproducible", fails)
    assert checks.run("metadata", lambda: "passed")
    checks.absent("Python 3.14 [base]")
    assert checks.failed == 1
    assert [(each["check"], each["state"]) for each in checks.found] == [
        ("reproducible", "FAILED"),
        ("metadata", "ok"),
        ("Python 3.14 [base]", "absent"),
    ]
    assert "FAILED  reproducible: two builds differ" in capsys.readouterr().out
