"""Commands and options for choosing a model: algorithms, select, curve, suggest, context, search, cascades."""

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
ADJECTIVES = ("red", "blue", "big", "small", "new", "old", "first", "last", "green", "other")


@pytest.fixture
def corpus(run: Run) -> Path:
    """A file of 120 rows of three topics in the current folder."""
    with Path("corpus.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for topic, forms in ROWS.items():
            writer.writerows([form.format(word), topic] for form in forms for word in ADJECTIVES)
    return Path("corpus.csv")


@pytest.fixture
def base(tiny_base: Callable[[str], Path]) -> Path:
    return tiny_base("bert")


def train(run: Run, base: Path, name: str, *further: object) -> Any:
    result = run(
        "train",
        "corpus.csv",
        "-o",
        f"checkpoints/{name}",
        "--algorithm",
        name,
        "--base",
        base,
        "--validation-share",
        "0.25",
        "--quiet",
        *further,
    )
    assert result.code == 0, result.err
    return result


@pytest.mark.usefixtures("corpus")
def test_an_algorithm_reads_its_own_options(run: Run, base: Path) -> None:
    result = train(run, base, "bag", "--set", "dimension=8", "--set", "buckets=0", "--epochs", "3", "--json")
    provenance = result.json["task"]["provenance"]
    assert (provenance["algorithm"], provenance["config"]["dimension"], provenance["config"]["epochs"]) == ("bag", 8, 3)


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--algorithm", "bagg"], "one of majority, tfidf, bag"),
        (["--algorithm", "bag", "--set", "dimension"], "NAME=VALUE"),
        (["--algorithm", "bag", "--set", "dimension=many"], "dimension"),
        (["--algorithm", "bag", "--unlabelled", "corpus.csv"], "does not use unlabelled texts"),
        (["--algorithm", "distil"], "distil needs a teacher"),
        (["--algorithm", "distil", "--teacher", "nowhere"], "this is not a checkpoint"),
        (["--algorithm", "majority", "--search", "2"], "no options to search"),
    ],
)
@pytest.mark.usefixtures("corpus")
def test_train_refuses_invalid_options(run: Run, base: Path, further: list[str], message: str) -> None:
    result = run("train", "corpus.csv", "-o", "out", "--base", base, *further)
    assert (result.code, Path("out").exists()) == (2, False)
    assert message in result.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_student_is_trained_on_unlabelled_texts(run: Run, base: Path) -> None:
    train(run, base, "bag", "--epochs", "5", "--set", "dimension=8")
    Path("more.txt").write_text("where is the red box\n\nthe old code is wrong\n")
    result = run(
        "train",
        "corpus.csv",
        "-o",
        "student",
        "--algorithm",
        "distil",
        "--teacher",
        "checkpoints/bag",
        "--set",
        "student=static",
        "--set",
        "dimension=8",
        "--unlabelled",
        "more.txt",
        "--base",
        base,
        "--epochs",
        "2",
    )
    assert result.code == 0
    assert "2 unlabelled texts" in result.err
    assert json.loads(Path("student/task.json").read_text())["provenance"]["config"]["teacher"] == "bag"


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_cascade_answers_files_and_http_alike(run: Run, base: Path) -> None:
    train(run, base, "bag", "--epochs", "12", "--set", "dimension=16")
    train(run, base, "tfidf")
    assert run("export", "checkpoints/bag", "-o", "models/fast", "--quiet").code == 0
    result = run("export", "checkpoints/tfidf", "--fast", "models/fast", "-o", "models/both", "--json", "--quiet")
    assert result.code == 0, result.err
    cascade = result.json["manifest"]["cascade"]
    assert cascade["algorithm"] == "bag"
    assert 0.0 < cascade["share"] <= 1.0
    assert cascade["low"] > -cascade["margin"]
    assert run("verify", "models/both").code == 0
    assert "A cascade: the fast model fast@" in Path("models/both/README.md").read_text()

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
def test_a_fast_model_that_was_trained_on_other_rows_is_refused(run: Run, base: Path) -> None:
    train(run, base, "tfidf")
    train(run, base, "majority", "--seed", "14")
    assert run("export", "checkpoints/majority", "-o", "models/fast", "--quiet").code == 0
    result = run("export", "checkpoints/tfidf", "--fast", "models/fast", "-o", "models/both")
    assert (result.code, Path("models/both").exists()) == (2, False)
    assert "the two models were trained on different rows" in result.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_select_takes_the_cheapest_that_is_good_enough(run: Run, base: Path) -> None:
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
        "--algorithm",
        "frozen",
        "--algorithm",
        "distil",
    ]
    result = run(*command, "--json")
    assert result.code == 0, result.err
    verdicts = {each["model"]["name"]: each for each in result.json["verdicts"]}
    good = [name for name, each in verdicts.items() if each["against_best"]["non_inferior"]]
    chosen = result.json["chosen"]
    assert chosen == good[0]  # the fastest is first; which of two such small models that is depends on the machine
    assert verdicts[chosen]["kept"]
    assert chosen in {"tfidf", "frozen"}
    assert "worse than the best by more than the margin" in verdicts["majority"]["why"]
    assert result.json["skipped"] == {"distil": "there is no finetune to learn from"}
    assert {path.name for path in Path("chosen").iterdir()} == {
        "candidates",
        "frontier.svg",
        "model",
        "report.html",
        "report.md",
        "selection.json",
    }
    manifest = json.loads(Path("chosen/model/bundle.json").read_text())
    assert [each["split"] for each in manifest["evaluation"]] == ["validation", "test"]
    candidate = json.loads(Path(f"chosen/candidates/{chosen}/bundle/bundle.json").read_text())
    assert [each["split"] for each in candidate["evaluation"]] == [
        "validation"
    ]  # the test rows are used only at the end
    again = run(*command, "--overwrite")
    assert again.err.count("reused from an earlier run") == 3


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_select_names_the_model_closest_to_the_budget(run: Run, base: Path) -> None:
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
    result = run(*command, "--max-size-mb", "0.000001")
    assert (result.code, Path("chosen/model").exists()) == (2, False)
    assert "no model keeps the budget" in result.err
    assert "found: closest: " in result.err
    early = run(*command, "--min-accuracy", "0.1", "--overwrite", "--json")
    assert early.json["skipped"] == {"tfidf": "a cheaper one is good enough"}
    late = run(*command, "--max-train-minutes", "0", "--overwrite", "--seed", "1")
    assert late.code == 2
    assert "no model could be trained within the budget" in late.err


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_curve_forecasts_the_gain_from_more_rows(run: Run, base: Path) -> None:
    result = run("curve", "corpus.csv", "--base", base, "-o", "curve", "--repeats", "1", "--json")
    assert result.code == 0, result.err
    assert [each["more"] for each in result.json["forecasts"]] == [100, 500, 1000]
    assert [point["rows"] for point in result.json["points"]][-1] == 96
    assert {path.name for path in Path("curve").iterdir()} == {"curve.json", "curve.svg", "report.html", "report.md"}


@pytest.mark.slow
@pytest.mark.usefixtures("corpus")
def test_a_search_is_no_worse_than_the_defaults(run: Run, base: Path) -> None:
    command = [
        "train",
        "corpus.csv",
        "-o",
        "out",
        "--algorithm",
        "bag",
        "--base",
        base,
        "--epochs",
        "3",
        "--search",
        "3",
    ]
    result = run(*command, "--json")
    assert result.code == 0, result.err
    assert result.json["search"]["trials"] == 3
    assert result.json["outcome"]["best_metric"] >= result.json["search"]["default_value"]
    assert not Path("out.search").exists()
    assert Path("out/model.safetensors").is_file()


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_suggest_writes_for_labelling_tools(run: Run, tiny_bundle: Callable[[str], Path], suffix: str) -> None:
    texts = [form.format(word) for forms in ROWS.values() for form in forms for word in ADJECTIVES[:3]]
    Path("mail.txt").write_text("\n".join([*texts, "", texts[0]]))
    model = tiny_bundle("single_label_classification")
    result = run("suggest", model, "mail.txt", "-o", f"next.{suffix}", "--count", "5", "--json")
    assert result.code == 3  # one row has no text
    assert (result.json["texts"], result.json["suggested"], result.json["unusable"]) == (
        len(texts),
        5,
        {"empty-text": 1},
    )
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
    ("arguments", "message"),
    [
        (["mail.txt", "-o", "next.xml"], "unknown format of the output"),
        (["nothing.csv", "-o", "next.csv"], "there is no file"),
        (["odd.csv", "-o", "next.csv"], "the text column is not clear"),
        (["empty.txt", "-o", "next.csv"], "no row has a usable text"),
        (["odd.csv", "-o", "odd.csv"], "the output is the input"),
    ],
)
def test_suggest_refuses_invalid_input(
    run: Run, tiny_bundle: Callable[[str], Path], arguments: list[str], message: str
) -> None:
    Path("mail.txt").write_text("where is it\n")
    Path("odd.csv").write_text("one,two\na,b\n")
    Path("empty.txt").write_text("\n\n")
    result = run("suggest", tiny_bundle("single_label_classification"), *arguments)
    assert result.code in (1, 2)
    assert message in result.err


def test_context_adds_the_neighbours_of_each_text(run: Run) -> None:
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
    ("arguments", "message"),
    [
        (["--neighbours", "above"], "unknown neighbours"),
        (["--group-column", "document"], "the file has no such column"),
        (["-o", "in.jsonl"], "the output is the input"),
    ],
)
def test_context_refuses_invalid_options(run: Run, arguments: list[str], message: str) -> None:
    Path("in.jsonl").write_text('{"text": "one"}\n')
    further = arguments if "-o" in arguments else [*arguments, "-o", "out.jsonl"]
    result = run("context", "in.jsonl", *further)
    assert result.code == 2
    assert message in result.err
    assert Path("in.jsonl").read_text() == '{"text": "one"}\n'
