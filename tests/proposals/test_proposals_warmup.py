"""The first use compiles once, whoever comes first, and says so if it takes long."""

import threading
import time

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


@pytest.mark.parametrize(("seconds", "lines"), [(0.02, 1), (5, 0)])
def test_only_a_slow_warm_up_is_announced(fresh, monkeypatch, capsys, seconds, lines):
    monkeypatch.setattr(warmup, "SECONDS_BEFORE_NOTICE", seconds)
    warmup.warm_up_once(lambda: time.sleep(0.1))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == captured.err.count("compiling kernels") == lines


def test_a_failed_warm_up_is_tried_again(fresh):
    with pytest.raises(RuntimeError):
        warmup.warm_up_once(lambda: (_ for _ in ()).throw(RuntimeError("no disk")))
    calls = []
    warmup.warm_up_once(lambda: calls.append(1))
    assert calls == [1]
