"""Files that appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from proposals.whole_files import replacing


def test_a_written_file_replaces_the_previous_one(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".txt")  # 255 bytes, the longest possible name
    for content in ("first", "second"):
        with replacing(target) as temporary:
            temporary.write_text(content)
        assert target.read_text() == content
    assert list(tmp_path.iterdir()) == [target]


def test_after_a_failure_only_the_previous_file_exists(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_decides_who_may_read_a_file(umask: int, expected: int, tmp_path: Path) -> None:
    """Even if the writer, as safetensors does, puts a private file in its place."""
    target = tmp_path / "a.txt"
    before = os.umask(umask)
    try:
        with replacing(target) as temporary:
            private = tmp_path / "private"
            os.close(os.open(private, os.O_CREAT, 0o600))
            private.replace(temporary)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == expected
