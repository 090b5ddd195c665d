"""Numbers in text: only ASCII digits, as other programs read them."""

from __future__ import annotations

import math

import pytest

from eval.formats.number_lines import number_of
from eval.records import systematic_mistake


@pytest.mark.parametrize("text", ["0.5", b"0.5", " 5e-1\n", "+.5"])
def test_numbers(text: str | bytes) -> None:
    assert number_of(text) == 0.5


@pytest.mark.parametrize(
    "text", ["０.５", "0.५", "٠.٥", "1_0", b"1_0", "nan", "1e999", "", None, "x"]
)
def test_anything_else_is_no_number(text: str | bytes | None) -> None:
    assert math.isnan(number_of(text))
    if isinstance(text, str):
        assert math.isnan(number_of(text.encode()))


@pytest.mark.parametrize(("identity", "is_number"), [("4", True), ("４", False), ("٤", False)])
def test_an_id_of_other_digits_is_another_name(identity: str, is_number: bool) -> None:
    remedy = systematic_mistake(identity, {4: 0}, [identity])
    assert remedy == (
        "the ground truth has it as a number: remove the quotation marks" if is_number else ""
    )
