"""The store of compiled kernels and the checks before machine code runs."""

import numpy as np
import pytest

from kernels import Kernel, storage


def test_what_is_written_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    storage.write("kernels.o", b"content")
    path = tmp_path / "new" / "kernels.o"
    assert storage.read(path) == b"content"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("start, stop", [(0, 0), (0, 5), (0, -1), (1, None)])
def test_a_damaged_file_is_not_loaded(tmp_path, monkeypatch, start, stop):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    storage.write("kernels.o", b"content")
    path = tmp_path / "kernels.o"
    path.write_bytes(path.read_bytes()[start:stop])
    assert storage.read(path) is None
    assert storage.read(tmp_path / "missing.o") is None


def test_a_folder_that_takes_nothing_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    folders = [tmp_path / "file" / "below", tmp_path / "good"]
    monkeypatch.setattr(storage, "folders", lambda: iter(folders))
    storage.write("kernels.o", b"content")
    assert storage.read(folders[1] / "kernels.o") == b"content"


def test_a_kernel_refuses_arrays_of_another_type_or_layout():
    double = Kernel(lambda values: None, "f4[2]", load=lambda: None)
    double.native = lambda *arguments: 0
    assert double(np.zeros((2, 3), np.float32)) == 0
    for wrong in (np.zeros((2, 3)), np.zeros(6, np.float32), np.zeros((3, 2), np.float32).T):
        with pytest.raises(TypeError, match="float32"):
            double(wrong)
    with pytest.raises(ValueError, match="argument"):
        double()
