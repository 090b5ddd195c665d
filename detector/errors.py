"""The exceptions for faults that users can correct, a warning for guesses, and suggestions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class DetectorError(ValueError):
    """A fault in the user's input: a file, an array or an option.

    The message is one line that names the fault, its place and the remedy. The command line prints
    it without a traceback and exits non-zero. Faults of the program itself never have this class.
    """


class UsageError(DetectorError):
    """A command line that cannot be carried out; it is refused before any work begins."""


class DetectorWarning(UserWarning):
    """A guess about the user's input that may be wrong, such as the range of a picture's values.

    The message is one line that begins with the name of the file or array.
    """


def suggest(word: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown word: the most similar known one, or all of them."""
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), names, n=1)
    return f"; did you mean {names[near[0]]!r}?" if near else f"; use one of: {', '.join(known)}"
