"""Which control of a labelling configuration fits a model, and why others do not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from glossator.service.api.dialects.label_studio.control_match import match_control
from glossator.service.api.dialects.label_studio.labelling_config import field_value, parse_config
from glossator.service.api.problems import InvalidRequest
from glossator.service.bundle.task import (
    Encoding,
    Provenance,
    QuestionAnswering,
    Task,
    TextClassification,
    TextPair,
    TokenClassification,
    iob2_tags,
)

COMMON: dict[str, Any] = {
    "encoding": Encoding(max_length=16, stride=4),
    "provenance": Provenance(
        corpus_fingerprint="0",
        corpus_rows=1,
        base_model="none",
        base_revision="0",
        algorithm="votes",
        config={},
        seed=1,
        code_version="0",
        packages={},
        created="2026-01-02T03:04:05Z",
    ),
}
ONE = TextClassification(problem_type="single_label_classification", labels=["a", "b"], **COMMON)
MANY = TextClassification(problem_type="multi_label_classification", labels=["a", "b"], **COMMON)
SPANS = TokenClassification(labels=iob2_tags(["PER", "LOC"]), **COMMON)
ANSWERS = QuestionAnswering(**COMMON)
SCORE = TextPair(problem_type="regression", labels=["score"], score_range=(0.0, 5.0), **COMMON)
PAIR = TextPair(problem_type="single_label_classification", labels=["a", "b"], **COMMON)

TEXT = '<Text name="t" value="$text"/>'
AB = '<Choice value="a"/><Choice value="b"/>'
CHOICES = f'<Choices name="c" toName="t">{AB}</Choices>'
LABELS = '<Labels name="l" toName="t"><Label value="PER"/><Label value="LOC"/><Label value="ORG"/></Labels>'


def view(*parts: str) -> str:
    return f"<View>{''.join(parts)}</View>"


@pytest.mark.parametrize(
    ("task", "config", "from_name", "to_name", "paths"),
    [
        (ONE, view(TEXT, CHOICES), "c", "t", ("text",)),
        (ONE, view(TEXT, CHOICES.replace('"c"', '"c" choice="multiple"')), "c", "t", ("text",)),
        (MANY, view(TEXT, CHOICES.replace('"c"', '"c" choice="multiple"')), "c", "t", ("text",)),
        (ONE, view(TEXT, LABELS, CHOICES), "c", "t", ("text",)),
        (SPANS, view(TEXT, LABELS, CHOICES), "l", "t", ("text",)),
        (SCORE, view('<Text name="q" value="$a.b"/>', TEXT, '<Number name="n" toName="t" min="0" max="5"/>'), "n", "t",
         ("a.b", "text")),
        (PAIR, view(TEXT, '<Text name="u" value="$u"/>', CHOICES.replace('"t"', '"t,u"')), "c", "t", ("text", "u")),
        (PAIR, view(TEXT, '<Text name="u" value="$u"/>', CHOICES), "c", "t", ("u", "text")),
        (ANSWERS, view('<Text name="q" value="$q"/>', TEXT, '<Labels name="l" toName="t"><Label value="x"/></Labels>'),
         "l", "t", ("q", "text")),
        (ONE, "", "label", "text", ("text",)),
        (PAIR, None, "label", "text", ("text", "text_pair")),
    ],
)  # fmt: skip
def test_the_fitting_control_is_found(
    task: Task, config: str | None, from_name: str, to_name: str, paths: tuple[str, ...]
) -> None:
    found = match_control(config, task)
    assert (found.from_name, found.to_name, found.paths) == (from_name, to_name, paths)


@pytest.mark.parametrize(
    ("task", "config", "reason"),
    [
        (
            MANY,
            view(TEXT, CHOICES),
            'c: the model may assign several labels, and the control takes one; set choice="mul',
        ),
        (ONE, view(TEXT, CHOICES.replace('"b"', '"c"')), "c: it lacks labels of the model: b"),
        (ONE, view(TEXT, LABELS), "l: Labels does not take the answers of this model, Choices does"),
        (SPANS, view(TEXT, LABELS.replace("LOC", "GPE")), "l: it lacks labels of the model: LOC"),
        (SPANS, view(TEXT, CHOICES), "c: Choices does not take the answers of this model, Labels does"),
        (
            ONE,
            view(TEXT, f'<Taxonomy name="x" toName="t">{AB}</Taxonomy>'),
            "Taxonomy does not take .* use Choices instead",
        ),
        (
            SCORE,
            view(TEXT, TEXT.replace('"t"', '"u"'), '<Rating name="r" toName="t"/>'),
            "Rating .* use Number instead",
        ),
        (
            SCORE,
            view(TEXT, TEXT.replace('"t"', '"u"'), '<Number name="n" toName="t" max="1"/>'),
            "from 0 to 5, outside its limits: max 1",
        ),
        (SPANS, view(TEXT.replace("Text", "HyperText"), LABELS), "offsets in a HyperText cannot be given"),
        (
            SPANS,
            view(TEXT.replace("Text", "HyperText"), LABELS.replace("Labels", "HyperTextLabels")),
            "HyperTextLabels .* use Labels on",
        ),
        (ONE, view('<Image name="t" value="$image"/>', CHOICES), "it labels an object that is not a Text: Image"),
        (ONE, view(TEXT.replace("/>", ' valueType="url"/>'), CHOICES), "contains a URL"),
        (ONE, view(TEXT.replace("/>", ' encoding="base64"/>'), CHOICES), "is encoded"),
        (ONE, view(TEXT.replace("$text", "Title: $text"), CHOICES), "is not one field, such as"),
        (ONE, view(CHOICES), "its toName names no object: t"),
        (ONE, view(TEXT, CHOICES.replace('"c"', '"c" perRegion="true"')), "single regions"),
        (ONE, view(TEXT, CHOICES.replace('"c"', '"c" allowNested="true"')), "nested"),
        (ONE, view(TEXT, CHOICES.replace('"c"', '"c" value="$options"')), "its labels come from the tasks"),
        (ONE, view(TEXT, CHOICES, CHOICES.replace('"c"', '"d"')), "several controls .*found: c, d"),
        (PAIR, view(TEXT, CHOICES), "it is unclear which is the other one: no other text"),
        (
            PAIR,
            view(*(TEXT.replace('"t"', f'"{name}"') for name in "tuv"), CHOICES),
            "unclear which is the other one: u, v",
        ),
        (
            ANSWERS,
            view(TEXT, TEXT.replace('"t"', '"q"'), LABELS),
            "unclear which label marks an answer.*: PER, LOC, ORG",
        ),
        (ONE, view(), "has no control for the answers"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(task: Task, config: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        match_control(config, task)
    assert re.search(reason, str(caught.value), re.DOTALL), str(caught.value)


def test_annotations_get_the_alias_of_a_choice() -> None:
    aliased = view(
        TEXT, '<Choices name="c" toName="t"><Choice value="Good" alias="a"/><Choice value="b" alias="z"/></Choices>'
    )
    assert match_control(aliased, ONE).names == {"a": "a", "b": "z"}


def test_choices_may_be_grouped() -> None:
    config = parse_config(
        view(TEXT, f'<View className="x"><Choices name="c" toName="t"><View>{AB}</View></Choices></View>')
    )
    assert dict(config.controls[0].options) == {"a": "a", "b": "b"}


@pytest.mark.parametrize(
    ("path", "value"),
    [("a", "1"), ("b.c", "2"), ("d[1].e", "3"), ("x.y", "4"), ("d[9].e", None), ("a.b", None), ("nothing", None)],
)
def test_fields_are_found_by_their_path(path: str, value: object) -> None:
    data = {"a": "1", "b": {"c": "2"}, "d": [{}, {"e": "3"}], "x.y": "4"}
    assert field_value(data, path) == value
