"""The one exception class for faults that the user can correct."""

from __future__ import annotations


class EvaluationError(ValueError):
    """A fault in ground truth, detections or options; the message is one line with the remedy."""

    def __init__(self, message: str) -> None:
        # Names and values from the user's files may contain line breaks and unprintable characters.
        line = " ".join(part.strip() for part in message.splitlines())
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in line))
