"""A program of a user, in the types that glossator declares. test_user_project.py checks it; it is never run."""

from __future__ import annotations

from collections.abc import Iterator

import glossator as gl


def first_label(model: gl.Model, text: str) -> str | None:
    answer = model(text)
    assert isinstance(answer, gl.Answer)  # known already: no checker finds fault with it
    return answer.label


def sure_labels(model: gl.Model, texts: list[str]) -> list[str]:
    answers = model(texts, min_confidence=0.9)
    failed: dict[int, gl.GlossatorError] = dict(answers.errors)
    print(f"{len(failed)} texts have no answer")
    return [answer.label for answer in answers.raise_first_error() if answer.label is not None]


def entities_by_type(model: gl.Model, texts: Iterator[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for answer in model.stream(texts, batch=64):
        if isinstance(answer, gl.Answer):
            for entity in answer.entities:
                found.setdefault(entity.label, []).append(entity.text)
    return found


def entails(model: gl.Model, premise: str, hypothesis: str) -> float:
    return model(gl.Pair(premise, hypothesis)).score


async def answer_later(model: gl.Model, texts: list[str]) -> list[gl.Answer]:
    return (await model.apredict(texts)).raise_first_error()


def label_file(bundle: str) -> int:
    found: gl.LabelledFile = gl.label("tickets.csv", bundle, "labelled.parquet", truncate=True)
    return found.rows - found.failed


def main() -> None:
    model = gl.load("models/tickets", threads=2)
    print(first_label(model, "Where is my parcel?"), sure_labels(model, ["money", "parcel"]))
    print(gl.drift("models/tickets", ["money"]).comparison.drifted)
    try:
        gl.load("models/none")
    except gl.GlossatorError as error:
        print(error.code, error.hint)
