"""The first use compiles once, whoever comes first, and says so."""

import threading
import time

import numba
import pytest

from proposals import warmup


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(warmup, "_done", threading.Event())


def test_threads_wait_for_one_warm_up(fresh):
    calls, finished = [], []

    def slow():
        calls.append(1)
        time.sleep(0.1)
        finished.append(1)

    def use():
        warmup.warm_up_once(slow)
        assert finished == [1]

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]


def test_compiling_is_announced_once(fresh, capsys):
    @numba.njit
    def double(x):
        return 2 * x

    warmup.warm_up_once(lambda: (double(1), double(1.0)))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == warmup.NOTICE + "\n"


def test_nothing_is_announced_without_compiling(fresh, capsys):
    warmup.warm_up_once(lambda: time.sleep(0.05))
    assert capsys.readouterr() == ("", "")


def test_a_failed_warm_up_is_tried_again(fresh):
    with pytest.raises(RuntimeError):
        warmup.warm_up_once(lambda: (_ for _ in ()).throw(RuntimeError("no disk")))
    calls = []
    warmup.warm_up_once(lambda: calls.append(1))
    assert calls == [1]
