"""Commands that help to choose: algorithm, select, curve, suggest, context, search, cascade."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import glossator
from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings

Run = Callable[..., Any]

ROWS = {
    "delivery": ("where is my {} parcel", "the {} parcel is late", "courier lost the {} box", "my {} box never came"),
    "refund": ("i want my {} money back", "refund my {} order", "give the {} money back", "the {} refund is missing"),
    "login": ("cannot log in to my {} account", "the {} password fails", "{} login is broken", "my {} code is wrong"),
}
WORDS = ("red", "blue", "big", "small", "new", "old", "first", "last", "green", "other")


@pytest.fixture
def corpus(run: Run) -> Path:
    """120 rows of three topics in the folder that commands run in."""
    with Path("corpus.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for topic, forms in ROWS.items():
            writer.writerows([form.format(word), topic] for form in forms for word in WORDS)
    return Path("corpus.csv")


@pytest.fixture
def base(tiny_base: Callable[[str], Path]) -> Path:
    return tiny_base("bert")


def train(run: Run, base: Path, name: str, *further: object) -> Any:
    ran = run(
        "train", "corpus.csv", "-o", f"checkpoints/{name}", "--algorithm", name, "--base", base,
        "--validation-share", "0.25", "--quiet", *further,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return ran


@pytest.mark.usefixtures("corpus")
def test_an_algorithm_with_options_of_its_own(run: Run, base: Path) -> None:
    ran = train(run, base, "bag", "--set", "dimension=8", "--set", "buckets=0", "--epochs", "3", "--json")
    provenance = ran.json["task"]["provenance"]
    assert (provenance["algorithm"], provenance["config"]["dimension"], provenance["config"]["epochs"]) == ("bag", 8, 3)


@pytest.mark.parametrize(
    ("further", "said"),
    [
        (["--algorithm", "bagg"], "one of majority, tfidf, bag"),
        (["--algorithm", "bag", "--set", "dimension"], "NAME=VALUE"),
        (["--algorithm", "bag", "--set", "dimension=many"], "dimension"),
        (["--algorithm", "bag", "--unlabelled", "corpus.csv"], "learns nothing from unlabelled texts"),
        (["--algorithm", "distil"], "distil needs a teacher"),
        (["--algorithm", "distil", "--teacher", "nowhere"], "this is not a checkpoint"),
        (["--algorithm", "majority", "--search", "2"], "nothing to search"),
    ],
)
@pytest.mark.usefixtures("corpus")
def test_what_train_refuses(run: Run, base: Path, further: list[str], said: str) -> None:
    ran = run("train", "corpus.csv", "-o", "out", "--base", base, *further)
    assert (ran.code, Path("out").exists()) == (2, False)
    assert said in ran.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_unlabelled_texts_teach_a_student(run: Run, base: Path) -> None:
    train(run, base, "bag", "--epochs", "5", "--set", "dimension=8")
    Path("more.txt").write_text("where is the red box\n\nthe old code is wrong\n")
    ran = run(
        "train", "corpus.csv", "-o", "student", "--algorithm", "distil", "--teacher", "checkpoints/bag", "--set",
        "student=static", "--set", "dimension=8", "--unlabelled", "more.txt", "--base", base, "--epochs", "2",
    )  # fmt: skip
    assert ran.code == 0
    assert "2 unlabelled texts" in ran.err
    assert json.loads(Path("student/task.json").read_text())["provenance"]["config"]["teacher"] == "bag"


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_cascade_from_two_checkpoints_to_files_and_http(run: Run, base: Path) -> None:
    train(run, base, "bag", "--epochs", "12", "--set", "dimension=16")
    train(run, base, "tfidf")
    assert run("export", "checkpoints/bag", "-o", "models/fast", "--quiet").code == 0
    ran = run("export", "checkpoints/tfidf", "--fast", "models/fast", "-o", "models/both", "--json", "--quiet")
    assert ran.code == 0, ran.err
    cascade = ran.json["manifest"]["cascade"]
    assert cascade["algorithm"] == "bag"
    assert 0.0 < cascade["share"] <= 1.0
    assert cascade["low"] > -cascade["margin"]
    assert run("verify", "models/both").code == 0
    assert "In front stands fast@" in Path("models/both/README.md").read_text()

    texts = [form.format("purple") for forms in ROWS.values() for form in forms]
    Path("in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert run("label", "in.jsonl", "-m", "models/both", "-o", "out.jsonl", "--quiet").code == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {row["_tier"] for row in rows} <= {"fast", "full"}
    with TestClient(
        create_app({"both": glossator.load("models/both")}, Settings()), base_url="http://127.0.0.1"
    ) as client:
        answers = client.post("/v1/models/both/predict", json={"texts": texts}).json()["results"]
    assert [answer["tier"] for answer in answers] == [row["_tier"] for row in rows]
    assert [answer["labels"][0] for answer in answers] == [row["label"] for row in rows]
    assert run("label", "in.jsonl", "-m", "models/fast", "-o", "fast.jsonl", "--quiet").code == 0
    assert "_tier" not in json.loads(Path("fast.jsonl").read_text().splitlines()[0])


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_fast_model_of_other_rows_is_refused(run: Run, base: Path) -> None:
    train(run, base, "tfidf")
    train(run, base, "majority", "--seed", "14")
    assert run("export", "checkpoints/majority", "-o", "models/fast", "--quiet").code == 0
    ran = run("export", "checkpoints/tfidf", "--fast", "models/fast", "-o", "models/both")
    assert (ran.code, Path("models/both").exists()) == (2, False)
    assert "the two models were trained on other rows" in ran.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_select_takes_the_cheapest_that_is_good_enough(run: Run, base: Path) -> None:
    command = [
        "select", "corpus.csv", "-o", "chosen", "--base", base, "--algorithm", "majority", "--algorithm", "tfidf",
        "--algorithm", "frozen", "--algorithm", "distil",
    ]  # fmt: skip
    ran = run(*command, "--json")
    assert ran.code == 0, ran.err
    verdicts = {each["rung"]["name"]: each for each in ran.json["verdicts"]}
    good = [name for name, each in verdicts.items() if each["against_best"]["non_inferior"]]
    chosen = ran.json["chosen"]
    assert chosen == good[0]  # the fastest first, and which of two so small models that is, this machine decides
    assert verdicts[chosen]["kept"]
    assert chosen in {"tfidf", "frozen"}
    assert "not shown to be as good" in verdicts["majority"]["why"]
    assert ran.json["skipped"] == {"distil": "there is no finetune to learn from"}
    assert {path.name for path in Path("chosen").iterdir()} == {
        "frontier.svg", "model", "report.html", "report.md", "rungs", "selection.json",
    }  # fmt: skip
    manifest = json.loads(Path("chosen/model/bundle.json").read_text())
    assert [each["split"] for each in manifest["evaluation"]] == ["validation", "test"]
    rung = json.loads(Path(f"chosen/rungs/{chosen}/bundle/bundle.json").read_text())
    assert [each["split"] for each in rung["evaluation"]] == ["validation"]  # the test rows waited for the end
    again = run(*command, "--overwrite")
    assert again.err.count("done before") == 3


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_select_says_what_comes_closest(run: Run, base: Path) -> None:
    command = [
        "select",
        "corpus.csv",
        "-o",
        "chosen",
        "--base",
        base,
        "--algorithm",
        "majority",
        "--algorithm",
        "tfidf",
    ]
    ran = run(*command, "--max-size-mb", "0.000001")
    assert (ran.code, Path("chosen/model").exists()) == (2, False)
    assert "no model keeps to the budget" in ran.err
    assert "comes closest" in ran.err
    early = run(*command, "--min-accuracy", "0.1", "--overwrite", "--json")
    assert early.json["skipped"] == {"tfidf": "a cheaper one is good enough"}
    late = run(*command, "--max-train-minutes", "0", "--overwrite", "--seed", "1")
    assert late.code == 2
    assert "no model could be trained within the budget" in late.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_curve_tells_what_more_rows_bring(run: Run, base: Path) -> None:
    ran = run("curve", "corpus.csv", "--base", base, "-o", "curve", "--repeats", "1", "--json")
    assert ran.code == 0, ran.err
    assert [each["more"] for each in ran.json["forecasts"]] == [100, 500, 1000]
    assert [point["rows"] for point in ran.json["points"]][-1] == 96
    assert {path.name for path in Path("curve").iterdir()} == {"curve.json", "curve.svg", "report.html", "report.md"}


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_search_is_no_worse_than_the_defaults(run: Run, base: Path) -> None:
    command = [
        "train", "corpus.csv", "-o", "out", "--algorithm", "bag", "--base", base, "--epochs", "3", "--search", "3",
    ]  # fmt: skip
    ran = run(*command, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["search"]["trials"] == 3
    assert ran.json["outcome"]["best_metric"] >= ran.json["search"]["default_value"]
    assert not Path("out.search").exists()
    assert Path("out/model.safetensors").is_file()


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_suggest_writes_for_labelling_tools(run: Run, tiny_bundle: Callable[[str], Path], suffix: str) -> None:
    texts = [form.format(word) for forms in ROWS.values() for form in forms for word in WORDS[:3]]
    Path("mail.txt").write_text("\n".join([*texts, "", texts[0]]))
    model = tiny_bundle("single_label_classification")
    ran = run("suggest", model, "mail.txt", "-o", f"next.{suffix}", "--count", "5", "--json")
    assert ran.code == 3  # one row holds no text
    assert (ran.json["texts"], ran.json["suggested"], ran.json["unusable"]) == (len(texts), 5, {"empty-text": 1})
    written = Path(f"next.{suffix}").read_text()
    if suffix == "csv":
        found = list(csv.DictReader(written.splitlines()))
        assert all(row["label"] == "" for row in found)
        chosen = [row["text"] for row in found]
    elif suffix == "json":
        tasks = json.loads(written)
        assert all(task["predictions"][0]["result"][0]["type"] == "choices" for task in tasks)
        chosen = [task["data"]["text"] for task in tasks]
    else:
        examples = [json.loads(line) for line in written.splitlines()]
        assert [option["id"] for option in examples[0]["options"]] == ["delivery", "login", "refund"]
        chosen = [example["text"] for example in examples]
    assert len(set(chosen)) == 5
    assert set(chosen) <= set(texts)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mail.txt", "-o", "next.xml"], "the format of the output cannot be told"),
        (["nothing.csv", "-o", "next.csv"], "there is no file"),
        (["odd.csv", "-o", "next.csv"], "no column stands out as the text"),
        (["empty.txt", "-o", "next.csv"], "there is no text in this file"),
        (["odd.csv", "-o", "odd.csv"], "the output is the input"),
    ],
)
def test_what_suggest_refuses(run: Run, tiny_bundle: Callable[[str], Path], arguments: list[str], said: str) -> None:
    Path("mail.txt").write_text("where is it\n")
    Path("odd.csv").write_text("one,two\na,b\n")
    Path("empty.txt").write_text("\n\n")
    ran = run("suggest", tiny_bundle("single_label_classification"), *arguments)
    assert ran.code in (1, 2)
    assert said in ran.err


def test_context_puts_neighbours_beside_each_text(run: Run) -> None:
    rows = [("a", "one"), ("a", "two"), ("a", "three"), ("b", "four")]
    Path("in.jsonl").write_text("".join(json.dumps({"doc": doc, "text": text}) + "\n" for doc, text in rows))
    assert run("context", "in.jsonl", "--group-column", "doc", "-o", "out.jsonl").code == 0
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["context"] for row in found] == [" … two", "one … three", "two … ", ""]
    assert [row["text"] for row in found] == [text for _, text in rows]
    assert run("context", "in.jsonl", "--neighbours", "previous", "-o", "before.jsonl").code == 0
    found = [json.loads(line) for line in Path("before.jsonl").read_text().splitlines()]
    assert [row["context"] for row in found] == ["", "one", "two", "three"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--neighbours", "above"], "there are no such neighbours"),
        (["--group-column", "document"], "there is no such column"),
        (["-o", "in.jsonl"], "the output is the input"),
    ],
)
def test_what_context_refuses(run: Run, arguments: list[str], said: str) -> None:
    Path("in.jsonl").write_text('{"text": "one"}\n')
    further = arguments if "-o" in arguments else [*arguments, "-o", "out.jsonl"]
    ran = run("context", "in.jsonl", *further)
    assert ran.code == 2
    assert said in ran.err
    assert Path("in.jsonl").read_text() == '{"text": "one"}\n'
