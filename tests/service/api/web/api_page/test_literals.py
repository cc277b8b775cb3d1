import ast
import json

from hypothesis import given
from hypothesis import strategies as st

from glossator.service.api.web.api_page.literals import json_literal, python_literal

HOSTILE = [
    "it's",
    '"quoted"',
    "$(id) `id` \\",
    "line\nbreak\r\n\t",
    "</script>",
    "\u202eRTL\u2066",
    "\x00\x7f\x85\u2028",
    "😀\U000e0001",
]
TEXTS = st.one_of(st.text(), st.sampled_from(HOSTILE))
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda children: st.one_of(st.lists(children), st.dictionaries(TEXTS, children)),
)


@given(VALUES, st.sampled_from([None, 2]))
def test_json_literal_is_the_value(value: object, step: int | None) -> None:
    assert json.loads(json_literal(value, step=step)) == value


@given(VALUES, st.sampled_from([None, 4]))
def test_python_literal_is_the_value(value: object, step: int | None) -> None:
    assert ast.literal_eval(python_literal(value, step=step)) == value


@given(VALUES)
def test_literal_has_no_character_that_is_not_printable(value: object) -> None:
    for literal in (json_literal(value), python_literal(value, step=None)):
        assert literal.isprintable()


def test_long_value_is_written_on_several_lines() -> None:
    assert json_literal({"texts": ["x" * 50, "y" * 50]}, step=2, indent=2) == (
        '{\n    "texts": [\n      "' + "x" * 50 + '",\n      "' + "y" * 50 + '"\n    ]\n  }'
    )
