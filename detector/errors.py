"""The exceptions for faults that the user can mend, and the warning for guesses."""

from __future__ import annotations


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
