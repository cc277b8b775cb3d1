"""MLServer's own command sends a file of requests to a server in another process.

It is installed into a separate environment, because it needs older packages. GLOSSATOR_MLSERVER may name a command that
is already installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from servers import server
from vote_bundle import vote_bundle

VERSION = "1.7.1"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> str:
    named = os.environ.get("GLOSSATOR_MLSERVER")
    if named:
        return named
    folder = tmp_path_factory.mktemp("mlserver")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    installed = subprocess.run(
        [folder / "bin" / "pip", "install", "-q", f"mlserver=={VERSION}"], capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr
    return str(folder / "bin" / "mlserver")


def test_the_batch_command_gets_the_same_answers_as_the_native_route(command: str, tmp_path: Path) -> None:
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    texts = [f"{word} number {number}" for number in range(10) for word in ("money", "parcel", "thanks")]
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    requests.write_text(
        "".join(
            json.dumps(
                {
                    "id": str(number),
                    "inputs": [
                        {
                            "name": "predict",
                            "shape": [1],
                            "datatype": "BYTES",
                            "data": [text],
                            "parameters": {"content_type": "str"},
                        }
                    ],
                }
            )
            + "\n"
            for number, text in enumerate(texts)
        )
    )
    with server(bundle, queue_seconds=30) as running:
        native = httpx.post(f"{running.url}/v1/models/intents/predict", json={"texts": texts}).json()["results"]
        ran = subprocess.run(
            [
                command,
                "infer",
                "-u",
                running.url.removeprefix("http://"),
                "-m",
                "intents",
                "-i",
                requests,
                "-o",
                answers,
                "-s",
                "4",
                "-w",
                "2",
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    found = {}
    for line in answers.read_text().splitlines():
        answer = json.loads(line)
        outputs = {output["name"]: output["data"] for output in answer["outputs"]}
        found[answer["id"]] = (outputs["label"][0], outputs["score"][0])
    assert len(found) == len(texts)
    for number, each in enumerate(native):
        assert found[str(number)] == (each["labels"][0], pytest.approx(each["scores"][0]["score"]))
