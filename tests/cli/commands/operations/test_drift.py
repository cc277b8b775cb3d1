from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glossator.service.inference.model import load
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.registry import Registry
from glossator.workflows.loop.drift_files import recorded_probabilities
from tests.support.sampled_bundle import other_texts, sampled_bundle, usual_texts
from tests.support.vote_bundle import vote_bundle

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sampled_bundle(tmp_path_factory.mktemp("sampled") / "votes")


def write_texts(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text, "label": "x"}) + "\n" for text in texts))
    return path


def test_usual_texts_have_not_drifted(run: Run, votes: Path, folder: Path) -> None:
    write_texts(folder / "usual.jsonl", usual_texts(3_000, seed=8))
    shown = run("drift", "usual.jsonl", "--model", votes, "--tolerance", "0.2")
    assert shown.code == 0
    assert "3,000 texts of usual.jsonl, 1,000 reference texts" in shown.out
    assert "no drift: every summary is within 0.2" in shown.out
    assert "if only the shares of the labels have changed: accuracy" in shown.out
    assert "(it is named 'text')" in shown.err


def test_other_texts_have_drifted(run: Run, votes: Path, folder: Path) -> None:
    write_texts(folder / "other.jsonl", other_texts(300, seed=9))
    shown = run("drift", "other.jsonl", "--model", votes, "--quiet")
    assert shown.code == 1
    assert shown.err == ""
    assert "drifted by more than 0.1:" in shown.out
    assert "it may be much lower" in shown.out
    found = json.loads(run("drift", "other.jsonl", "--model", votes, "--json", "--figure", "drift.svg").out)
    assert "unknown_words" in (folder / "drift.svg").read_text()
    assert found["summaries"]["unknown_words"]["verdict"] == "drifted"
    assert found["summaries"]["unknown_words"]["low"] > 0.5
    assert found["texts"] == 300
    assert found["summaries"]["unknown_words"]["examples"][0].startswith("row ")
    assert set(found["drifted"]) == {name for name, each in found["summaries"].items() if each["verdict"] == "drifted"}
    assert sum(each["now"] for each in found["labels"].values()) == pytest.approx(1.0, abs=1e-4)
    shares = [each["if_label_shift"]["value"] for each in found["labels"].values()]
    assert sum(shares) == pytest.approx(1.0, abs=1e-4)


def test_rows_without_an_answer_are_counted(run: Run, votes: Path, folder: Path) -> None:
    write_texts(folder / "some.jsonl", [*usual_texts(60, seed=1), " "])
    shown = run("drift", "some.jsonl", "--model", votes, "--limit", "61")
    assert shown.code == 3
    assert "1 rows could not be answered" in shown.err
    assert run("drift", "some.jsonl", "--model", votes, "--limit", "50").code == 0


def test_the_answers_of_a_log_are_compared_without_texts(run: Run, votes: Path, folder: Path) -> None:
    model = load(votes, threads=1)
    log = PredictionLog(LogSettings(folder=folder / "log", free_bytes=0))
    log.start()
    for time, texts in ((1_767_323_045.0, usual_texts(500, seed=3)), (1_767_409_445.0, other_texts(300, seed=4))):
        log.add(
            Served(
                time=time,
                request="r",
                model="votes",
                version=None,
                digest=model.digest,
                route="/",
                key="local",
                seconds=0.1,
                texts=texts,
                answers=model.predict(texts, top_k=1),
                bundle=model.bundle,
            ),
            wait=True,
        )
    log.close()
    assert "parcel" not in next((folder / "log").glob("*.jsonl")).read_text()
    Registry(folder / "registry").add(votes, alias="champion")
    usual = run("drift", "--log", "log", "--registry", "registry", "--model", "votes", "--until", "2026-01-02T12:00")
    assert usual.code == 0
    assert "500 texts of log" in usual.out
    assert run("drift", "--log", "log", "--model", votes, "--since", "2026-01-02T12:00").code == 1
    found = json.loads(run("drift", "--log", "log", "--model", votes, "--since", "2026-01-02T12:00", "--json").out)
    assert (found["texts"], found["unusable"]) == (300, 0)
    assert all(
        name.startswith("request r, text ") for each in found["summaries"].values() for name in each.pop("examples")
    )
    # The same summaries as those of a file.
    write_texts(folder / "other.jsonl", other_texts(300, seed=4))
    expected = json.loads(run("drift", "other.jsonl", "--model", votes, "--json").out)
    for each in expected["summaries"].values():
        del each["examples"]
    assert found["summaries"] == expected["summaries"]
    nothing = run("drift", "--log", "log", "--model", votes, "--since", "2027-01-01")
    assert nothing.code == 2
    assert "no answers of this bundle" in nothing.err


def test_the_log_has_the_highest_probabilities_only(votes: Path) -> None:
    """Six labels, five in the log: the last one gets what is left."""
    model = load(votes, threads=1)
    scores = [{"label": label, "score": 0.19} for label in model.task.labels[1:]]
    found = recorded_probabilities({"scores": scores}, model.task)
    assert found is not None
    assert found.tolist() == pytest.approx([0.05, 0.19, 0.19, 0.19, 0.19, 0.19])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the model is missing"),
        (("--model", "BUNDLE"), "either a file or a prediction log"),
        (("x.csv", "--log", "log", "--model", "BUNDLE"), "either a file or a prediction log"),
        (("x.csv", "--since", "2026-01-01", "--model", "BUNDLE"), "--since and --until need --log"),
        (("--log", "nowhere", "--model", "BUNDLE"), "there is no prediction log"),
        (("--log", "nowhere", "--model", "BUNDLE", "--since", "noon"), "--since is not a time"),
        (("x.csv", "--model", "nowhere"), "there is no bundle here"),
        (("x.csv", "--model", "BUNDLE"), "x.csv"),
        (("x.csv", "--model", "votes", "--registry", "registry"), "votes"),
    ],
)
def test_wrong_options_are_explained(run: Run, votes: Path, arguments: tuple[str, ...], message: str) -> None:
    shown = run("drift", *[votes if each == "BUNDLE" else each for each in arguments])
    assert shown.code in (1, 2)
    assert message in shown.err


def test_a_bundle_without_samples_is_refused(run: Run, folder: Path) -> None:
    write_texts(folder / "texts.jsonl", ["money"])
    shown = run("drift", "texts.jsonl", "--model", vote_bundle(folder / "plain", "single_label_classification"))
    assert shown.code == 2
    assert "no samples to measure drift against" in shown.err
    assert "hint:" in shown.err
