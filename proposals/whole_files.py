"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path, and rename it to `target` unless an exception was raised.

    The temporary name is short because the target's name may have the longest possible length. The
    file gets the permissions that the umask grants, even if a library writes it as a private file.
    """
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.touch()
        permissions = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        if stat.S_IMODE(temporary.stat().st_mode) != permissions:
            temporary.chmod(permissions)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
