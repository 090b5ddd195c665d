"""Compiled kernels: their files, and the checks before machine code is compiled or run."""

import importlib

import numpy as np
import pytest

from rcnn_kernels import Kernel, Library, storage


def test_a_written_file_is_read(tmp_path, monkeypatch):
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


def test_a_folder_that_cannot_be_written_is_skipped(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    folders = [tmp_path / "file" / "below", tmp_path / "good"]
    monkeypatch.setattr(storage, "folders", lambda: iter(folders))
    storage.write("kernels.o", b"content")
    assert storage.read(folders[1] / "kernels.o") == b"content"


def test_a_kernel_rejects_arrays_of_another_type_or_layout():
    double = Kernel(lambda values: None, "f4[2]", load=lambda: None)
    double.native = lambda *arguments: 0
    assert double(np.zeros((2, 3), np.float32)) == 0
    for wrong in (np.zeros((2, 3)), np.zeros(6, np.float32), np.zeros((3, 2), np.float32).T):
        with pytest.raises(TypeError, match="float32"):
            double(wrong)
    with pytest.raises(ValueError, match="argument"):
        double()


def kernel_of(tmp_path, monkeypatch, name, body):
    """A kernel `work` in a package of its own; it runs `body` for every index i of `values`."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "work.py").write_text(
        "import math\nimport numpy as np\n"
        f"def work(values):\n    for i in range(len(values)):\n        {body}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    library = Library(name, ("work",), seconds=1)
    module = importlib.import_module(f"{name}.work")
    return library.kernel("f8[1]")(module.work)


def test_a_kernel_may_call_the_c_library_s_square_root(tmp_path, monkeypatch):
    work = kernel_of(tmp_path, monkeypatch, "rooted", "values[i] = np.sqrt(values[i])")
    values = np.arange(19.0) ** 2
    work(values)
    np.testing.assert_array_equal(values, np.arange(19))


def test_a_call_without_machine_code_is_an_error_at_compile_time(tmp_path, monkeypatch):
    work = kernel_of(tmp_path, monkeypatch, "error", "values[i] = math.erf(values[i])")
    with pytest.raises(RuntimeError, match="a kernel needs erf: write it out"):
        work(np.zeros(3))


def test_kernels_may_be_compiled_for_another_processor(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    work = kernel_of(tmp_path, monkeypatch, "portable", "values[i] = 2 * values[i] + 1")
    values = np.arange(19.0)
    work(values)
    np.testing.assert_array_equal(values, np.arange(1, 39, 2))
    portable = [path.name for path in (tmp_path / "kept").iterdir()]
    monkeypatch.delenv("NUMBA_CPU_NAME")
    Library("portable", ("work",), seconds=1).load()
    names = [path.name for path in (tmp_path / "kept").iterdir()]
    assert len(portable) == 1 and len(names) == 2  # each processor finds its own file
