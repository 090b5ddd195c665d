"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from proposals.whole_files import replacing


def test_what_was_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".txt")  # 255 bytes, as long as names can be
    for content in ("first", "second"):
        with replacing(target) as temporary:
            temporary.write_text(content)
        assert target.read_text() == content
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]
