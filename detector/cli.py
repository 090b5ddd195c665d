"""The `detect` command: `main` finds the command that was named and runs it.

photographs -> Detector (pipeline.py) -> pictures with boxes and one detections.json
"""

from __future__ import annotations

import errno
import sys

from detector.console import (
    FAILED,
    INTERRUPTED,
    REFUSED,
    notify,
    prepare_streams,
)
from detector.errors import DetectorError, UsageError
from detector.files.names import printable


def main(words: list[str] | None = None) -> int:
    """Run `detect`; returns the exit code.

    0 is success, 1 a failure, 2 a command line that is refused before any work begins, 130 an
    interruption.
    """
    prepare_streams()
    try:
        # Imported here, so that Ctrl-C is answered during the imports too.
        from detector.commands.parser import parse
        from detector.processes.settings import (
            keep_compiled_layers,
            keep_freed_memory,
            warnings_as_messages,
        )

        arguments = parse(sys.argv[1:] if words is None else words)
        keep_freed_memory()
        keep_compiled_layers()
        with warnings_as_messages():
            return arguments.run(arguments)
    except KeyboardInterrupt:
        notify("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `detect --json - ... | head`
        return FAILED
    except MemoryError:
        notify("not enough memory; name fewer or smaller files, or use a machine with more")
        return FAILED
    except OSError as error:
        notify(_system_fault(error))
        return FAILED
    except DetectorError as error:
        notify(str(error))
        return REFUSED if isinstance(error, UsageError) else FAILED
    except _user_errors() as error:
        notify(str(error))
        return FAILED


def _system_fault(error: OSError) -> str:
    """What the system refused, where, and the remedy."""
    where, remedy = error.filename, "check the path and its permissions"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = error.filename2 or where  # of a copy, the second file is the one that is written
        remedy = "free some space on its disk, or name a place on another one"
    return f"{printable(str(where or 'system'))}: {error.strerror or error}; {remedy}"


def _user_errors() -> tuple[type[ValueError], ...]:
    """The other exceptions that the user can fix; they are imported only after an error."""
    from eval import EvaluationError
    from proposals import ProposalError

    return EvaluationError, ProposalError


if __name__ == "__main__":
    sys.exit(main())
