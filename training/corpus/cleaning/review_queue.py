"""Writes suspect rows for review in Label Studio (.json) or Prodigy (.jsonl), and reads the answers back."""

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


def label_studio_tasks(suspects: Sequence[SuspectLabel]) -> str:
    """Suspect labels as tasks of Label Studio: the suggested label is the prediction, the given one is in `data`.

    Import them into a project with `<Text name="text" value="$text"/>` and `<Choices name="label" toName="text">`.
    """
    tasks = [
        _choice_task(
            {"text": each.text, "line": each.line, "label": each.label}, each.suggestion, each.suggestion_probability
        )
        for each in suspects
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def suggestion_label_studio_tasks(rows: Sequence[Mapping[str, Any]]) -> str:
    """Unlabelled texts as tasks of Label Studio, for the same project; the most probable label is the prediction.

    Each row has `line`, `text`, `likeliest`, `probability` and `uncertainty`.
    """
    tasks = [
        _choice_task(
            {name: row[name] for name in ("text", "line", "uncertainty")}, row["likeliest"], row["probability"]
        )
        for row in rows
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def suggestion_prodigy_examples(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> str:
    """The same rows as examples for Prodigy's `choice` interface, with all labels as options and none selected."""
    options = [{"id": label, "text": label} for label in labels]
    meta = ("line", "likeliest", "uncertainty")
    examples = [{"text": row["text"], "options": options, "meta": {name: row[name] for name in meta}} for row in rows]
    return "".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples)


def prodigy_examples(suspects: Sequence[SuspectLabel]) -> str:
    """Suspect labels as examples for Prodigy's `choice` interface: the suggested label, which is selected, and the
    given one."""
    lines = []
    for each in suspects:
        options = [{"id": name, "text": name} for name in dict.fromkeys([each.suggestion, each.label])]
        meta = {"line": each.line, "label": each.label, "probability": round(each.probability, 4)}
        example = {"text": each.text, "options": options, "accept": [each.suggestion], "meta": meta}
        lines.append(json.dumps(example, ensure_ascii=False) + "\n")
    return "".join(lines)


def label_studio_entity_tasks(corpus: Corpus, suspects: Sequence[SuspectWord]) -> str:
    """Rows with suspect words as tasks of Label Studio: the given entities are the prediction, the suspect words are in
    `doubt`.

    Import them into a project with `<Text name="text" value="$text"/>` and `<Labels name="label" toName="text">`.
    """
    tasks = [
        {
            "data": {"text": corpus.texts[row], "line": corpus.lines[row], "doubt": _describe(doubtful)},
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
        for row, doubtful in _group_by_row(corpus, suspects)
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def prodigy_entity_examples(corpus: Corpus, suspects: Sequence[SuspectWord]) -> str:
    """Rows with suspect words as examples for Prodigy's `ner.manual`: the given entities, the suspect words in
    `meta`."""
    lines = []
    for row, doubtful in _group_by_row(corpus, suspects):
        spans = [span._asdict() for span in (corpus.spans or [])[row]]
        meta = {"line": corpus.lines[row], "doubt": _describe(doubtful)}
        lines.append(json.dumps({"text": corpus.texts[row], "spans": spans, "meta": meta}, ensure_ascii=False) + "\n")
    return "".join(lines)


def _choice_task(data: Mapping[str, Any], choice: str, score: float) -> dict[str, Any]:
    """A task of Label Studio with one predicted choice."""
    result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
    return {"data": dict(data), "predictions": [{"model_version": "glossator", "score": score, "result": [result]}]}


def _group_by_row(corpus: Corpus, suspects: Sequence[SuspectWord]) -> list[tuple[int, list[SuspectWord]]]:
    """The rows with suspect words, in the order of the suspects."""
    row_of = {line: row for row, line in enumerate(corpus.lines)}
    found: dict[int, list[SuspectWord]] = {}
    for each in suspects:
        found.setdefault(row_of[each.line], []).append(each)
    return list(found.items())


def _describe(suspects: Sequence[SuspectWord]) -> str:
    return "; ".join(f"{each.word}: {each.label}, more probable: {each.suggestion}" for each in suspects)


def read_answers(path: Path) -> list[ReviewAnswer]:
    """The answers to the tasks that `--review` wrote, from an export of Label Studio (.json) or Prodigy (.jsonl).

    Tasks that were skipped, rejected or not yet seen have no answer. Raises ConfigError for another suffix,
    FileMissing, and CorpusError if the file is not such an export.
    """
    readers = {".json": _read_label_studio, ".jsonl": _read_prodigy}
    if path.suffix not in readers:
        raise ConfigError(
            "the format of the answers cannot be detected", found=path, expected="a name ending in .json or .jsonl"
        )
    try:
        return list(readers[path.suffix](path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise FileMissing(f"there is no file {path}", found=path) from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CorpusError(
            f"{path.name} is not an export of reviewed rows",
            found=f"no field {error}" if isinstance(error, KeyError) else error,
            expected="Label Studio's JSON, or Prodigy's JSON lines, of the tasks that --review wrote",
        ) from error


def _read_label_studio(text: str) -> Iterator[ReviewAnswer]:
    for task in json.loads(text):
        done = [each for each in task.get("annotations", ()) if not each.get("was_cancelled")]
        chosen = [choice for result in (done[-1]["result"] if done else ()) for choice in result["value"]["choices"]]
        yield from _answer(task["data"], chosen, task["data"]["text"])


def _read_prodigy(text: str) -> Iterator[ReviewAnswer]:
    for line in filter(str.strip, text.split("\n")):  # `splitlines` would also split at U+2028
        example: Mapping[str, Any] = json.loads(line)
        if example.get("answer", "accept") == "accept":
            yield from _answer(example["meta"], example["accept"], example["text"])


def _answer(origin: Mapping[str, Any], chosen: Sequence[str], text: str) -> Iterator[ReviewAnswer]:
    if len(chosen) > 1:
        raise ValueError(f"line {origin['line']} has {len(chosen)} labels, expected one")
    if chosen:
        yield ReviewAnswer(int(origin["line"]), text, str(chosen[0]))
