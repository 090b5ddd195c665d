"""Wording of notes and messages."""

from __future__ import annotations


def amount(value: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: "1 image", "1,804 images"."""
    return f"{value:,} {singular if value == 1 else plural or singular + 's'}"
