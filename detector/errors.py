"""The one exception for faults that the user can mend."""

from __future__ import annotations


class DetectorError(ValueError):
    """A fault in what the user gave: a file, an array, an option.

    The message is one line: what is wrong, where, and what to do about it. The command line
    prints it without a traceback and exits non-zero. Faults in the program itself are never
    of this class.
    """
