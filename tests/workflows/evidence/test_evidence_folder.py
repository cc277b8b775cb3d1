"""The evidence folder: complete, without texts of users, and no byte or figure of it can be changed unnoticed."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from evidence_project import Evidence, write_keys
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import ConfigError, FileMissing, OutputError
from glossator.service.files.report_metadata import parse_report_metadata
from glossator.service.reviews.store import open_review_store
from glossator.workflows.evidence.folder import write_evidence
from glossator.workflows.evidence.signatures import sign_folder
from glossator.workflows.evidence.source_files import collect_sources
from glossator.workflows.evidence.verification import VerifiedEvidence, verify_evidence
from glossator.workflows.reporter import Reporter

DOCUMENTS = {"evidence.json", "index.html", "evidence.md", "annex_iv.md", "ml_bom.cdx.json"}


def names_of(found: VerifiedEvidence) -> set[tuple[str, str]]:
    return {(fault.name, fault.where) for fault in found.faults}


def write_sums(folder: Path) -> None:
    """Make the list of hashes fit the files, as somebody would who wants a change to go unnoticed."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in files if name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(lines))


def facts_of(signed: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((signed.folder / "evidence.json").read_bytes())
    return found


def test_facts_are_those_of_the_bundle_the_runs_the_registry_and_the_log(signed: Evidence) -> None:
    facts = facts_of(signed)
    manifest = json.loads((signed.bundle / "bundle.json").read_bytes())
    assert facts["model"]["digest"] == manifest["digest"]
    assert facts["figures"]["test"]["metrics"] == manifest["evaluation"][-1]["metrics"]
    assert {run["command"] for run in facts["runs"]} == {"train", "export", "evaluate"}  # all within a second or two
    assert facts["data"]["sources"]["train"]["path"] == "corpus.csv"
    assert facts["data"]["cards"] == [{"file": "sources/data/data_card.md", "licence": "cc-by-4.0"}]
    assert [entry["alias"] for entry in facts["audit"]] == ["champion"]
    assert facts["live_accuracy"][0]["answers"] == 12
    assert {each["name"] for each in facts["measured_again"][0]["robustness"]} >= {"typing mistakes", "upper case"}
    assert [sentence.split(":")[0] for sentence in facts["missing"]] == [
        "No slices",
        "No licence is stated for the model",
    ]


def test_the_documents_say_the_same_figures(signed: Evidence) -> None:
    accuracy = facts_of(signed)["figures"]["test"]["metrics"]["accuracy"]["value"]
    for name in ("evidence.md", "annex_iv.md", "index.html"):
        assert f"{accuracy:.4f}" in (signed.folder / name).read_text(), name
    metadata = parse_report_metadata((signed.folder / "index.html").read_bytes())
    assert metadata is not None
    assert metadata.kind == "evidence"
    draft = (signed.folder / "annex_iv.md").read_text()
    assert draft.count("**People must write:**") == draft.count("\n## ") == 23
    assert "It is not legal advice" in draft


def test_no_text_of_users_is_in_the_folder(signed: Evidence) -> None:
    texts = [json.loads(line)["text"] for line in signed.test_rows.read_text().splitlines()]
    contents = [path.read_text() for path in signed.folder.rglob("*") if path.is_file()]
    assert texts
    assert not [text for text in texts for content in contents if text in content]


def test_the_bill_of_materials_fits_the_strict_schema_of_cyclonedx(signed: Evidence) -> None:
    pytest.importorskip("cyclonedx")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (signed.folder / "ml_bom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    component = json.loads(text)["metadata"]["component"]
    assert component["type"] == "machine-learning-model"
    stated = facts_of(signed)["figures"]["test"]["metrics"]["accuracy"]
    card = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "accuracy", "slice": "test", "value": str(stated["value"])}.items() <= next(
        each.items() for each in card if (each["type"], each["slice"]) == ("accuracy", "test")
    )


def test_an_unchanged_folder_is_verified_with_bundle_rows_reviews_and_signatures(signed: Evidence) -> None:
    found = verify_evidence(
        signed.folder,
        Reporter(),
        bundle=signed.bundle,
        rows=signed.test_rows,
        log=signed.project.log,
        public_key=signed.public_key,
    )
    assert found.faults == []
    assert found.unchecked == ["slices and robustness: repeat the command lines in the records of the runs"]
    assert len(found.checked) == 6


def test_the_accuracy_of_each_reviewed_period_is_drawn(signed: Evidence) -> None:
    plot = (signed.folder / "live-accuracy.svg").read_text()
    accuracy = facts_of(signed)["live_accuracy"][0]["accuracy"]
    assert f"{accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%})" in plot
    assert "Accuracy of topics over time" in (signed.folder / "index.html").read_text()


def test_live_accuracy_that_the_reviews_do_not_give_is_refused(signed: Evidence, copied: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    accuracy = "sources/monitoring/accuracy.json"
    assert names_of(verify_evidence(copied, Reporter(), log=empty)) == {("other-log", accuracy)}
    project = signed.project.copy(tmp_path / "project")
    reviews = open_review_store(project.log)
    (period,) = reviews.periods("topics")
    project.review(reviews, period, lambda place: "refund")
    reviews.close()
    found = verify_evidence(copied, Reporter(), log=project.log)
    assert {name for name, _ in names_of(found)} == {"figure-differs"}
    assert "the live accuracy: name the prediction log" in str(verify_evidence(copied, Reporter()).unchecked)


def test_an_evaluation_belongs_to_the_version_it_measured(signed: Evidence, copied: Path, tmp_path: Path) -> None:
    project = signed.project.copy(tmp_path / "project")
    (measured,) = (path for path in (project.root / "runs").glob("*/run.json") if "-evaluate-" in path.parent.name)
    record = json.loads(measured.read_text())
    bundle = read_bundle(signed.bundle)
    assert record["config"]["digest"] == bundle.digest == facts_of(signed)["measured_again"][0]["digest"]
    record["config"]["digest"] = "0" * 64
    measured.write_text(json.dumps(record))
    sources = collect_sources(bundle, Reporter(), runs=project.root / "runs")
    assert not [name for name in sources if "-evaluate-" in name]
    name = f"sources/runs/{record['id']}.json"
    (copied / name).write_text(json.dumps(record))
    write_sums(copied)
    assert ("other-version", name) in names_of(verify_evidence(copied, Reporter()))


def test_a_changed_evaluation_after_the_export_is_found(copied: Path) -> None:
    (path,) = (copied / "sources/evaluations").iterdir()
    evaluation = json.loads(path.read_text())
    evaluation["metrics"]["accuracy"]["value"] -= 0.01
    path.write_text(json.dumps(evaluation))
    write_sums(copied)
    found = verify_evidence(copied, Reporter())
    assert ("figure-differs", f"sources/evaluations/{path.name}") in names_of(found)


def test_other_tools_verify_the_hashes(signed: Evidence) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=signed.folder, check=False, capture_output=True).returncode == 0


def test_one_altered_byte_in_any_file_is_refused_by_name(copied: Path) -> None:
    files = sorted(path for path in copied.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        place = len(content) // 2
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert names_of(verify_evidence(copied, Reporter())) == {("wrong-hash", path.relative_to(copied).as_posix())}
        path.write_bytes(content)


def test_an_altered_list_of_hashes_is_refused(copied: Path) -> None:
    sums = copied / "SHA256SUMS"
    content = sums.read_bytes()
    sums.write_bytes(content.replace(b"\n", b"\r\n"))
    assert verify_evidence(copied, Reporter()).faults
    sums.write_bytes(content + b"\n")
    assert verify_evidence(copied, Reporter()).faults
    sums.write_bytes(b"\n".join(reversed(content.splitlines())) + b"\n")
    assert names_of(verify_evidence(copied, Reporter())) == {("list-altered", "SHA256SUMS")}


def test_missing_added_and_linked_files_are_refused(copied: Path, tmp_path: Path) -> None:
    (copied / "annex_iv.md").unlink()
    (copied / "extra.txt").touch()
    (copied / "linked").symlink_to(tmp_path)
    page = copied / "index.html"
    page.rename(tmp_path / "page.html")
    page.symlink_to(tmp_path / "page.html")
    assert names_of(verify_evidence(copied, Reporter())) == {
        ("missing-file", "annex_iv.md"),
        ("unlisted-file", "extra.txt"),
        ("unlisted-file", "linked"),
        ("wrong-hash", "index.html"),
    }


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_changed_document_with_a_fitting_hash_is_refused(copied: Path, name: str) -> None:
    path = copied / name
    path.write_bytes(path.read_bytes().replace(b"topics", b"topicz"))
    write_sums(copied)
    assert names_of(verify_evidence(copied, Reporter())) == {
        ("document-differs", name),
        ("wrong-signature", "evidence.sig"),
    }


def test_a_changed_figure_of_a_run_is_found_even_if_hashes_and_documents_fit(signed: Evidence, copied: Path) -> None:
    run = next(path for path in (copied / "sources/runs").iterdir() if "-export-" in path.name)
    record = json.loads(run.read_text())
    record["metrics"]["test accuracy"] -= 0.01
    run.write_text(json.dumps(record))
    write_sums(copied)
    found = verify_evidence(copied, Reporter())
    assert ("figure-differs", f"sources/runs/{run.name}") in names_of(found)


def test_a_changed_manifest_or_evaluation_is_refused(copied: Path) -> None:
    manifest = copied / "sources/bundle/bundle.json"
    content = manifest.read_text()
    manifest.write_text(content.replace('"seed": 13', '"seed": 14', 1))
    write_sums(copied)
    found = verify_evidence(copied, Reporter())
    assert ("record-damaged", "sources/") in names_of(found)
    manifest.write_text(content)
    evaluation = copied / "sources/bundle/evaluation/test.json"
    fields = json.loads(evaluation.read_text())
    fields["confusion"][0][1] += 5
    evaluation.write_text(json.dumps(fields))
    write_sums(copied)
    where = "sources/bundle/evaluation/test.json"
    assert {("wrong-hash", where), ("figure-differs", where)} <= names_of(verify_evidence(copied, Reporter()))


def test_a_folder_that_somebody_else_signed_is_refused_with_the_public_key(
    signed: Evidence, copied: Path, tmp_path: Path
) -> None:
    private, public = write_keys(tmp_path / "other")
    (copied / "public_key.pem").write_bytes(public.read_bytes())
    sign_folder(copied, copied / "evidence.sig", private, without=("SHA256SUMS", "evidence.sig"))
    write_sums(copied)
    assert verify_evidence(copied, Reporter()).faults == []  # nobody said whose key it must be
    found = verify_evidence(copied, Reporter(), public_key=signed.public_key)
    assert names_of(found) == {("wrong-signature", "evidence.sig")}


def test_another_bundle_and_other_rows_are_refused(signed: Evidence, tmp_path: Path) -> None:
    other = vote_bundle(tmp_path / "other", "single_label_classification")
    assert ("other-bundle", str(other)) in names_of(verify_evidence(signed.folder, Reporter(), bundle=other))
    rows = tmp_path / "rows.jsonl"
    lines = signed.test_rows.read_text().splitlines()
    rows.write_text("\n".join(lines[:-1]))
    found = verify_evidence(signed.folder, Reporter(), bundle=signed.bundle, rows=rows)
    assert names_of(found) == {("other-rows", str(rows))}
    swapped = [line.replace("refund", "delivery") for line in lines]
    rows.write_text("\n".join(swapped))
    found = verify_evidence(signed.folder, Reporter(), bundle=signed.bundle, rows=rows)
    assert {name for name, _ in names_of(found)} == {"figure-differs"}


def test_bad_arguments_are_refused_before_anything_is_written(signed: Evidence, tmp_path: Path) -> None:
    output = tmp_path / "out"
    for option in ("registry", "log", "runs", "data_card"):
        with pytest.raises(FileMissing, match="there is no"):
            write_evidence(signed.bundle, output, Reporter(), **{option: tmp_path / "absent"})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the private key cannot be read"):
        write_evidence(signed.bundle, output, Reporter(), key=signed.public_key)
    with pytest.raises(OutputError, match="exists already"):
        write_evidence(signed.bundle, signed.folder, Reporter())
    with pytest.raises(FileMissing, match="there is no evidence folder"):
        verify_evidence(signed.bundle, Reporter())
    assert not output.exists()
