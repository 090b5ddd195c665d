"""Files that appear whole or not at all."""

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
