"""Which control of a labelling configuration takes the answers of a model, and which fields of a task it reads.

| model | control | needs |
|---|---|---|
| one label | `Choices` | every label among the choices |
| several labels | `Choices choice="multiple"` | every label among the choices |
| entities | `Labels` | every entity type among the labels |
| answers | `Labels` | a single label, or one named `answer` |
| scores | `Number` | a range that contains the scores |

The labelled object is a `Text`; choices may also label a `HyperText`. Values and aliases both count as names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from glossator.service.api.dialects.label_studio.labelling_config import (
    Control,
    DataObject,
    LabellingConfig,
    parse_config,
)
from glossator.service.api.problems import InvalidRequest
from glossator.service.bundle.task import (
    Classifier,
    QuestionAnswering,
    Task,
    TextEmbedding,
    TokenClassification,
)
from glossator.service.errors import ConfigError, Fault
from glossator.service.inference.encoding import reads_pairs

ANSWER = "answer"
_SPAN_TAGS = ("Labels",)
_INSTEAD = {
    "Taxonomy": "Choices",
    "Rating": "Number",
    "HyperTextLabels": "Labels on a Text",
    "ParagraphLabels": "Labels on a Text",
    "TextArea": "Labels on a Text",
    "Pairwise": "Choices",
    "Ranker": "Number",
}
"""Controls that a user might expect to work, and what to use instead."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class MatchedControl:
    """The control for the answers of a model, and the fields with the texts."""

    tag: str
    from_name: str
    to_name: str
    paths: tuple[str, ...]
    """The fields of a task, in the order in which the model reads their texts."""
    names: Mapping[str, str]
    """The label of the model to its name in the configuration; without a configuration, each is its own name."""
    is_html: bool = False

    @property
    def type(self) -> str:
        """The type of its results."""
        return self.tag.lower()


def match_control(config: str | None, task: Task) -> MatchedControl:
    """The control that takes the answers of a model of this task. Raises InvalidRequest with every reason.

    Without a configuration, it is the control that `glossator label` writes for.
    """
    tag = control_tag(task)
    if config is None or not config.strip():
        return MatchedControl(tag, "label", "text", ("text", "text_pair")[: 1 + reads_pairs(task)], {})
    parsed = parse_config(config)
    matched: list[MatchedControl] = []
    faults: list[Fault] = []
    for control in parsed.controls:
        try:
            matched.append(_match(control, parsed, task, tag))
        except InvalidRequest as error:
            faults.append(
                Fault("control", f"{error.message}: {error.found}" if error.found else error.message, control.name)
            )
    if len(matched) > 1:
        raise InvalidRequest(
            "several controls of the labelling configuration fit this model",
            found=", ".join(each.from_name for each in matched),
            expected="one",
            hint="Give the controls different choices or labels, or connect one project per control.",
        )
    if not matched:
        count = "two Text objects" if reads_pairs(task) else 'a <Text name="text" value="$text"/>'
        raise InvalidRequest(
            "the labelling configuration has no control for the answers of this model",
            faults=faults[:20],
            expected=f'<{tag} name="label" toName="text"> and {count}',
        )
    return matched[0]


def control_tag(task: Task) -> str:
    """The tag of the controls for the answers of a task. Raises ConfigError for vectors."""
    if isinstance(task, TextEmbedding):
        raise ConfigError("Label Studio cannot show vectors", found=task.task)
    if isinstance(task, Classifier):
        return "Number" if task.problem_type == "regression" else "Choices"
    return "Labels"


def _match(control: Control, config: LabellingConfig, task: Task, tag: str) -> MatchedControl:
    """The match of one control. Raises InvalidRequest with the reason if it does not fit."""
    if control.tag != tag:
        instead = f"; use {_INSTEAD[control.tag]} instead" if control.tag in _INSTEAD else ""
        raise InvalidRequest(f"{control.tag} does not take the answers of this model, {tag} does{instead}")
    for attribute in ("perRegion", "perItem"):
        if control.attributes.get(attribute, "").lower() == "true":
            raise InvalidRequest(f"it labels single regions or items ({attribute})")
    objects = _labelled(control, config, task)
    return MatchedControl(
        tag,
        control.name,
        control.targets[0],
        tuple(str(each.path) for each in objects),
        _CHECKS[tag](control, task),
        is_html=any(each.tag == "HyperText" for each in objects),
    )


def _labelled(control: Control, config: LabellingConfig, task: Task) -> list[DataObject]:
    """The objects with the texts that the model reads. For a pair, the labelled one is the second."""
    targets = [config.objects.get(name) for name in control.targets]
    for name, target in zip(control.targets, targets, strict=True):
        if target is None:
            raise InvalidRequest("its toName names no object", found=name)
        _check_object(target, control)
    named = [target for target in targets if target is not None]
    if not reads_pairs(task):
        if len(named) > 1:
            raise InvalidRequest(
                "it labels several objects, and the model reads one text", found=", ".join(control.targets)
            )
        return named
    if len(named) == 2:
        return named
    others = [
        each
        for each in config.objects.values()
        if each.tag == "Text" and each.path is not None and each.name not in control.targets
    ]
    if len(named) != 1 or len(others) != 1:
        found = ", ".join(each.name for each in others) or "no other text"
        raise InvalidRequest("the model reads two texts, and it is unclear which is the other one", found=found)
    _check_object(others[0], control)
    return [others[0], named[0]]


def _check_object(target: DataObject, control: Control) -> None:
    """Raise InvalidRequest if the model cannot read the content of an object."""
    if target.tag not in ("Text", "HyperText"):
        raise InvalidRequest("it labels an object that is not a Text", found=target.tag)
    if target.tag == "HyperText" and control.tag in _SPAN_TAGS:
        raise InvalidRequest("offsets in a HyperText cannot be given; use a Text", found=target.name)
    if target.path is None:
        raise InvalidRequest("the value of its object is not one field, such as $text", found=target.name)
    if target.attributes.get("valueType", "text").lower() == "url":
        raise InvalidRequest(
            "its object contains a URL (valueType), and the server downloads nothing", found=target.name
        )
    if target.attributes.get("encoding", "none").lower() != "none":
        raise InvalidRequest("its object is encoded; send plain text", found=target.attributes["encoding"])


def _names(wanted: Sequence[str], control: Control) -> dict[str, str]:
    """What the configuration calls each label of the model. Raises InvalidRequest for labels that it lacks."""
    if "value" in control.attributes:
        raise InvalidRequest("its labels come from the tasks (value), and must be in the configuration")
    missing = [label for label in wanted if label not in control.options]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InvalidRequest("it lacks labels of the model", found=", ".join(missing[:_SHOWN]) + more)
    return {label: control.options[label] for label in wanted}


def _check_choices(control: Control, task: Task) -> dict[str, str]:
    assert isinstance(task, Classifier)
    if control.attributes.get("allowNested", "").lower() == "true":
        raise InvalidRequest("its choices are nested (allowNested), and the model has flat labels")
    is_multiple = control.attributes.get("choice", "single").lower() == "multiple"
    if task.problem_type == "multi_label_classification" and not is_multiple:
        raise InvalidRequest('the model may assign several labels, and the control takes one; set choice="multiple"')
    return _names(task.labels, control)


def _check_labels(control: Control, task: Task) -> dict[str, str]:
    if isinstance(task, TokenClassification):
        return _names(task.types, control)
    assert isinstance(task, QuestionAnswering)
    names = {name: called for name, called in control.options.items() if name.casefold() == ANSWER} or control.options
    if "value" in control.attributes or len(set(names.values())) != 1:
        found = ", ".join(control.options) or "no label"
        raise InvalidRequest("it is unclear which label marks an answer; name one of them answer", found=found)
    return {ANSWER: next(iter(names.values()))}


def _check_number(control: Control, task: Task) -> dict[str, str]:
    assert isinstance(task, Classifier)
    if task.score_range is None:
        given = [name for name in ("min", "max") if name in control.attributes]
        if given:
            raise InvalidRequest("the scores of this model have no limits, and it has", found=" and ".join(given))
        return {}
    low, high = task.score_range
    if _limit(control, "min", low) > low or _limit(control, "max", high) < high:
        limits = ", ".join(
            f"{name} {control.attributes[name]}" for name in ("min", "max") if name in control.attributes
        )
        raise InvalidRequest(f"scores run from {low:g} to {high:g}, outside its limits", found=limits)
    return {}


def _limit(control: Control, attribute: str, default: float) -> float:
    value = control.attributes.get(attribute, default)
    try:
        return float(value)
    except ValueError:
        raise InvalidRequest(f"its {attribute} is not a number", found=value) from None


_CHECKS: Mapping[str, Callable[[Control, Task], dict[str, str]]] = {
    "Choices": _check_choices,
    "Labels": _check_labels,
    "Number": _check_number,
}
