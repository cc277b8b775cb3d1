from __future__ import annotations

from glossator.evaluation.markdown import display_width, markdown_table


def test_table_has_even_columns_and_no_cell_can_break_it() -> None:
    table = markdown_table(["label", "F1"], [["a|b\nc", "1"], ["配送", "0.25"], ["__init__", "*x*"]], right=[1])
    assert table.splitlines() == [
        "| label        |    F1 |",
        "|--------------|------:|",
        "| a\\|b c       |     1 |",
        "| 配送         |  0.25 |",
        "| \\_\\_init\\_\\_ | \\*x\\* |",
    ]
    assert len({display_width(line) for line in table.splitlines()}) == 1


def test_snake_case_is_not_escaped() -> None:
    assert "| card_not_working |" in markdown_table(["x"], [["card_not_working"]])
