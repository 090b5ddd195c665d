"""The exception for every fault that the user can mend."""

from __future__ import annotations


class EvaluationError(ValueError):
    """A fault in ground truth or detections that the user can mend; the message is one line."""

    def __init__(self, message: str) -> None:
        # Names and values of the user's may hold line ends and what no terminal can show.
        line = " ".join(part.strip() for part in message.splitlines())
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in line))
