"""Suspicious rows as a queue for people, and their answers back: Label Studio (.json) or Prodigy (.jsonl)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glossator.service.errors import ConfigError, CorpusError, FileMissing
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.entity_errors import SuspectWord
from glossator.training.corpus.findings.label_errors import SuspectLabel


class ReviewAnswer(NamedTuple):
    """The label that a person gave to the text in a line of the corpus."""

    line: int
    text: str
    label: str


def label_studio(suspects: Sequence[SuspectLabel]) -> str:
    """Tasks to import into a Label Studio project with `<Text name="text" value="$text"/>` and `<Choices name="label"
    toName="text">`: the likelier label is the prediction, the given one stands in the data."""
    tasks = [
        _task({"text": each.text, "line": each.line, "label": each.label}, each.suggestion, each.suggestion_probability)
        for each in suspects
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _task(data: Mapping[str, Any], choice: str, score: float) -> dict[str, Any]:
    """A task of Label Studio with one choice predicted."""
    result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
    return {"data": dict(data), "predictions": [{"model_version": "glossator", "score": score, "result": [result]}]}


def suggestions_label_studio(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tasks for texts that want a label, in the form of `label_studio`; the likeliest label is the prediction. `rows`
    have `line`, `text`, `likeliest`, `probability` and `uncertainty`."""
    tasks = [
        _task({name: row[name] for name in ("text", "line", "uncertainty")}, row["likeliest"], row["probability"])
        for row in rows
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def suggestions_prodigy(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> str:
    """Examples of Prodigy's `choice` interface for the same rows, with every label to choose from and none chosen."""
    options = [{"id": label, "text": label} for label in labels]
    meta = ("line", "likeliest", "uncertainty")
    examples = [{"text": row["text"], "options": options, "meta": {name: row[name] for name in meta}} for row in rows]
    return "".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples)


def prodigy(suspects: Sequence[SuspectLabel]) -> str:
    """Examples of Prodigy's `choice` interface: the given label and the likelier one, which is accepted beforehand."""
    lines = []
    for each in suspects:
        options = [{"id": name, "text": name} for name in dict.fromkeys([each.suggestion, each.label])]
        meta = {"line": each.line, "label": each.label, "probability": round(each.probability, 4)}
        example = {"text": each.text, "options": options, "accept": [each.suggestion], "meta": meta}
        lines.append(json.dumps(example, ensure_ascii=False) + "\n")
    return "".join(lines)


def label_studio_entities(corpus: Corpus, suspects: Sequence[SuspectWord]) -> str:
    """Tasks for a project with `<Text name="text" value="$text"/>` and `<Labels name="label" toName="text">`: each row
    once, its entities as they are given for prediction, and the words in doubt in `doubt`."""
    tasks = [
        {
            "data": {"text": corpus.texts[row], "line": corpus.lines[row], "doubt": _doubt(doubts)},
            "predictions": [
                {
                    "model_version": "given",
                    "result": [
                        {
                            "from_name": "label",
                            "to_name": "text",
                            "type": "labels",
                            "value": {
                                "start": span.start,
                                "end": span.end,
                                "text": corpus.texts[row][span.start : span.end],
                                "labels": [span.label],
                            },
                        }
                        for span in (corpus.spans or [])[row]
                    ],
                }
            ],
        }
        for row, doubts in _by_row(corpus, suspects)
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def prodigy_entities(corpus: Corpus, suspects: Sequence[SuspectWord]) -> str:
    """Examples of Prodigy's `ner.manual`: the entities as they are given, the words in doubt in `meta`."""
    lines = []
    for row, doubts in _by_row(corpus, suspects):
        spans = [span._asdict() for span in (corpus.spans or [])[row]]
        meta = {"line": corpus.lines[row], "doubt": _doubt(doubts)}
        lines.append(json.dumps({"text": corpus.texts[row], "spans": spans, "meta": meta}, ensure_ascii=False) + "\n")
    return "".join(lines)


def _by_row(corpus: Corpus, suspects: Sequence[SuspectWord]) -> list[tuple[int, list[SuspectWord]]]:
    """The rows with suspects, those of the gravest first."""
    row_of = {line: row for row, line in enumerate(corpus.lines)}
    found: dict[int, list[SuspectWord]] = {}
    for each in suspects:
        found.setdefault(row_of[each.line], []).append(each)
    return list(found.items())


def _doubt(doubts: Sequence[SuspectWord]) -> str:
    return "; ".join(f"{each.word}: {each.label}, more like {each.suggestion}" for each in doubts)


def read_answers(path: Path) -> list[ReviewAnswer]:
    """The answers in an export of Label Studio (.json) or Prodigy (.jsonl) of what `--review` wrote.

    Tasks that were skipped, rejected or not yet seen give none. Raises FileMissing, and CorpusError where the file is
    no such export.
    """
    kinds = {".json": _of_label_studio, ".jsonl": _of_prodigy}
    if path.suffix not in kinds:
        raise ConfigError("the answers' format cannot be told", found=path, expected="a name ending in .json or .jsonl")
    try:
        return list(kinds[path.suffix](path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise FileMissing(f"there is no file {path}", found=path) from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CorpusError(
            f"{path.name} is no export of reviewed rows",
            found=f"{type(error).__name__}: {error}",
            expected="Label Studio's JSON, or Prodigy's JSON lines, of the tasks that --review wrote",
        ) from error


def _of_label_studio(text: str) -> Iterator[ReviewAnswer]:
    for task in json.loads(text):
        done = [each for each in task.get("annotations", ()) if not each.get("was_cancelled")]
        chosen = [choice for result in (done[-1]["result"] if done else ()) for choice in result["value"]["choices"]]
        yield from _answer(task["data"], chosen, task["data"]["text"])


def _of_prodigy(text: str) -> Iterator[ReviewAnswer]:
    for line in filter(str.strip, text.split("\n")):  # `splitlines` would part a text at U+2028
        example: Mapping[str, Any] = json.loads(line)
        if example.get("answer", "accept") == "accept":
            yield from _answer(example["meta"], example["accept"], example["text"])


def _answer(place: Mapping[str, Any], chosen: Sequence[str], text: str) -> Iterator[ReviewAnswer]:
    if len(chosen) > 1:
        raise ValueError(f"line {place['line']} was given {len(chosen)} labels")
    if chosen:
        yield ReviewAnswer(int(place["line"]), text, str(chosen[0]))
