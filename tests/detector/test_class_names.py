"""Class names that a user gives."""

from __future__ import annotations

from typing import Any

import pytest

from detector.class_names import find_classes
from detector.errors import DetectorError

KNOWN = ("cat", "Dog", "dining table", "dog", "PERSON")


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (["cat"], [0]),
        (["CAT", "person"], [0, 4]),
        (["dog"], [3]),
        (["Dog", "dog", "cat", "cat"], [0, 1, 3]),
        ([], []),
    ],
)
def test_a_name_is_found_exactly_or_else_in_any_case(wanted: list[str], rows: list[int]) -> None:
    assert find_classes(wanted, KNOWN) == rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("diningtable", "no such class; did you mean 'dining table'?"),
        ("Persn", "class 'Persn': no such class; did you mean 'PERSON'?"),
        (
            "xyz",
            "class 'xyz': no such class; use one of: cat, Dog, dining table, dog",
        ),
        ("DOG", "class 'DOG': could be 'Dog' or 'dog'"),
    ],
)
def test_an_unknown_name_is_an_error_with_a_remedy(name: str, message: str) -> None:
    with pytest.raises(DetectorError) as error:
        find_classes(["cat", name], KNOWN)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", [["cat", "dog"], 3, None])
def test_what_is_no_text_is_no_class_name(name: Any) -> None:
    with pytest.raises(DetectorError, match="is no class name; give names as texts, one by one"):
        find_classes([name], KNOWN)
