from __future__ import annotations

import inspect

import pytest

import glossator
from glossator.python_names import in_python, names_parameters
from glossator.service.errors import ConfigError, Fault, GlossatorError

SWITCHES = {
    "algorithm": False, "format": False, "fresh": True, "header": True, "label_column": False, "output": False,
    "text_column": False, "trials": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name them: --text-column NAME --label-column NAME.", "Name them: text_column=NAME label_column=NAME."),
        ("Pass --fresh, or choose another --output.", "Pass fresh=True, or choose another `output`."),
        ("Leave it out (--fresh)", "Leave it out (fresh=True)"),
        ("Omit --search.", "Omit `trials`."),
        ("Pass --no-header (header=False in Python) if it has none.", "Pass header=False if it has none."),
        ("Pass --input-format csv.gz (format='csv.gz' in Python).", "Pass `format` csv.gz."),
        ("Run `wrangle --output X` again.", "Run `wrangle --output X` again."),
        ("Type glossator train --algorithm x; then --fresh", "Type glossator train --algorithm x; then fresh=True"),
        ("--texts has no parameter here", "--texts has no parameter here"),
        ("a--fresh b --freshly", "a--fresh b --freshly"),
    ],
)  # fmt: skip
def test_options_become_parameters(text: str, expected: str) -> None:
    assert in_python(text, SWITCHES) == expected
    assert in_python(expected, SWITCHES) == expected


def test_every_part_of_an_error_is_rewritten_and_the_signature_stays() -> None:
    @names_parameters
    def fail(label_column: str, *, fresh: bool = False) -> None:
        raise ConfigError(
            "no --label-column",
            expected="--label-column NAME",
            hint="Pass --fresh.",
            faults=[Fault("missing", "see --label-column", "row 1")],
        )

    with pytest.raises(ConfigError) as caught:
        fail("x")
    assert caught.value.to_dict() == {
        "code": "config-error",
        "message": "no `label_column`",
        "expected": "label_column=NAME",
        "hint": "Pass fresh=True.",
        "faults": [{"name": "missing", "message": "see `label_column`", "where": "row 1"}],
    }
    assert list(inspect.signature(fail).parameters) == ["label_column", "fresh"]


def test_columns_that_cannot_be_found_are_named_as_parameters() -> None:
    with pytest.raises(GlossatorError) as caught:
        glossator.read_corpus([{"a": "x", "b": 1}])
    assert "--" not in str(caught.value)
    assert "text_column=NAME label_column=NAME" in (caught.value.hint or "")


def test_every_public_function_with_parameters_of_commands_is_covered() -> None:
    functions = {name: getattr(glossator, name) for name in glossator.__all__}
    methods = (glossator.Checkpoint.export, glossator.Checkpoint.evaluate, glossator.Corpus.split)
    functions |= {each.__qualname__: each for each in methods}
    uncovered = {
        name for name, each in functions.items() if inspect.isfunction(each) and not hasattr(each, "__wrapped__")
    }
    assert uncovered == {"main", "predict_heads"}  # the command line, and a function of models and texts alone
