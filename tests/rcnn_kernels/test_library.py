"""Compiled kernels: their files, and the checks before machine code is compiled or run."""

import errno
import importlib
import pwd
from pathlib import Path

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


def test_a_full_disk_gets_no_leftovers(tmp_path, monkeypatch):
    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    folders = [tmp_path / "full", tmp_path / "full too"]
    monkeypatch.setattr(storage, "folders", lambda: iter(folders))
    monkeypatch.setattr(storage.Path, "write_bytes", write_half)
    assert not storage.write("kernels.o", b"content")
    assert [list(folder.iterdir()) for folder in folders] == [[], []]


def test_kernels_that_cannot_be_kept_are_used_all_the_same(tmp_path, monkeypatch, capsys):
    work = kernel_of(tmp_path, monkeypatch, "homeless", "values[i] += 1")
    monkeypatch.setattr(storage, "folders", lambda: iter([tmp_path / "homeless/work.py/below"]))
    values = np.zeros(3)
    work(values)
    np.testing.assert_array_equal(values, [1, 1, 1])
    notice, remedy = capsys.readouterr().err.splitlines()
    assert notice.startswith("homeless: compiling kernels")
    assert "cannot be kept" in remedy and "set XDG_CACHE_HOME to a folder" in remedy


def test_a_process_without_a_home_has_a_place_for_its_files(monkeypatch):
    """As a container whose user id is in no list of users."""

    def unknown(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    *_, last = storage.folders()
    assert last == Path("/.cache/googlenet-rcnn/kernels")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    *_, last = storage.folders()
    assert last == Path("/var/cache/googlenet-rcnn/kernels")


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


HELPING = """
from rcnn_kernels import helper, subroutine
STEP = 3
@helper
def tripled(value):
    return STEP * value
@subroutine
def raised(values, i):
    values[i] += 1
    return tripled(values[i])
"""
BORROWING = """
from helping.steps import raised, tripled
def work(values):
    if len(values) == 0:
        return
    for i in range(len(values)):
        values[i] = raised(values, i) + tripled(1.0)
"""


def test_kernels_may_use_the_helpers_of_another_package(tmp_path, monkeypatch):
    for package, name, text in (("helping", "steps", HELPING), ("borrowing", "work", BORROWING)):
        (tmp_path / package).mkdir()
        (tmp_path / package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    library = Library("borrowing", ("work",), seconds=1, others=("helping.steps",))
    function = importlib.import_module("borrowing.work").work
    kernel = library.kernel("f8[1]")(function)
    values, expected = np.arange(5.0), np.arange(5.0)
    kernel(values)
    function(expected)
    np.testing.assert_array_equal(values, [6, 9, 12, 15, 18])
    np.testing.assert_array_equal(expected, values)  # without compiling, helpers are functions
    kernel(np.zeros(0))


def test_a_change_of_another_package_s_helper_compiles_anew(tmp_path, monkeypatch):
    """The file's name has a hash of the sources."""
    names = set()
    for i, text in enumerate(("STEP = 3", "STEP = 4")):
        (tmp_path / f"changing{i}").mkdir()
        (tmp_path / f"changing{i}" / "steps.py").write_text(text)
        kernel_of(tmp_path, monkeypatch, f"constant{i}", "values[i] += 1")
        others = (f"changing{i}.steps",)
        library = Library(f"constant{i}", ("work",), seconds=1, others=others)
        for name in library.modules:
            importlib.import_module(name)
        names.add(library._fingerprint())
    assert len(names) == 2
