"""Training by several processes has the result of one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from detector.classification.pretrain import classification_losses
from detector.classification.pretrain_data import Crops
from detector.errors import DetectorError
from detector.loading import choose_device
from detector.networks.googlenet import GoogLeNet
from detector.recipes import recipe_from_dict
from detector.training.run import train
from detector.training_loop.distributed import ALONE, Processes, join_processes
from detector.training_loop.parts import made_parts
from tests.detector import tiny_run
from tests.detector.tiny_run import TinySteps


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes, started as by torchrun, wrote into."""
    folder = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_WAIT_POLICY": "PASSIVE",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
    }  # fmt: skip
    words = [sys.executable, "-m", "tests.detector.tiny_run", str(folder)]
    started = [
        subprocess.Popen(
            words, env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    outputs = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert not any("unused" in text or "Warning" in text for text in outputs), outputs
    return folder


def test_two_processes_learn_what_one_learns(together: Path, tmp_path: Path) -> None:
    alone = tiny_run.make(tmp_path)
    before = {n: p.detach().clone() for n, p in alone.model.named_parameters()}
    last = tiny_run.finish(alone)[-1]
    for rank in (0, 1):
        found = torch.load(together / f"{rank}.pt")
        for name, parameter in alone.model.named_parameters():
            torch.testing.assert_close(
                found[f"whole.{name}"], parameter.detach(), atol=1e-6, rtol=0
            )
            torch.testing.assert_close(
                found[f"average.{name}"], alone.state.average[name], atol=1e-6, rtol=0
            )
            moved = (parameter.detach() - before[name]).abs().max()
            assert bool(moved == 0) if name.startswith("never") else moved > 1e-3
        assert found["losses"].tolist() == pytest.approx(list(last.losses.values()), rel=1e-5)


def test_two_processes_continue_from_their_checkpoint(together: Path) -> None:
    for rank in (0, 1):
        found = torch.load(together / f"{rank}.pt")
        names = [name.removeprefix("broken.") for name in found if name.startswith("broken.")]
        assert names
        assert all(torch.equal(found[f"broken.{name}"], found[f"whole.{name}"]) for name in names)


def test_only_the_main_process_writes(together: Path) -> None:
    written = {path.name for path in (together / "main" / "whole").iterdir()}
    assert {"checkpoint.safetensors", "metrics.jsonl", "curves.png"} <= written
    assert not list((together / "other").rglob("*.*"))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_one_process_continues_exactly(optimizer: str, tmp_path: Path) -> None:
    whole = tiny_run.make(tmp_path / "whole", optimizer=optimizer)
    tiny_run.finish(whole)
    tiny_run.advance(tiny_run.make(tmp_path / "broken", optimizer=optimizer), 5)
    broken = tiny_run.make(tmp_path / "broken", optimizer=optimizer)
    assert broken.step == 5
    tiny_run.finish(broken)
    for name, parameter in whole.model.named_parameters():
        assert torch.equal(parameter, broken.model.get_parameter(name))
    lines = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "broken")]
    assert lines[0] and lines[0].split('"first"')[0] == lines[1].split('"first"')[0]


def test_parts_are_dealt_out_evenly_or_not_at_all() -> None:
    assert list(Processes(1, 3).places(6)) == [1, 4]
    assert list(ALONE.places(3)) == [0, 1, 2]
    with pytest.raises(
        DetectorError, match=r"^a step has 3 passes for 2 processes; make .*s$"
    ) as caught:
        Processes(0, 2).places(3)
    for lever in (
        "training.images_per_step",
        "--images-per-pass",
        "--crops-per-pass",
        "--batch",
    ):
        assert lever in str(caught.value)


@pytest.mark.parametrize(("mode", "parts"), [("shared", 2), ("warp", 4)])
def test_too_few_passes_are_refused_before_boxes_are_searched(
    mode: str, parts: int, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eight = nullcontext(Processes(0, 8))
    monkeypatch.setattr("detector.training.run.join_processes", lambda device: eight)
    recipe = recipe_from_dict({"name": "mine", "network": {"mode": mode}})
    with pytest.raises(DetectorError, match=f"a step has {parts} passes for 8 processes; "):
        train(small_dataset, tmp_path / "run", recipe, device="cpu")


@pytest.mark.parametrize("uses_all", [False, True])
def test_unused_layers_are_searched_unless_all_are_used(
    uses_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}
    monkeypatch.setattr(
        "detector.training_loop.distributed.DistributedDataParallel",
        lambda module, **words: given.update(words),
    )
    module = torch.nn.Linear(1, 1)
    Processes(0, 2).parallel(module, uses_all=uses_all)
    assert given == {"device_ids": None, "find_unused_parameters": not uses_all}
    assert ALONE.parallel(module, uses_all=uses_all) is module


def test_pretraining_goes_through_all_its_layers() -> None:
    """`uses_all` promises this to processes that train together."""
    network = GoogLeNet(2, auxiliary=True)
    part = Crops(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), torch.tensor([0, 1]), ())
    losses = classification_losses(Console(quiet=True))
    sum(losses(network, part, torch.device("cpu")).values()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_processes("cpu") as processes:
        assert processes == ALONE and not torch.distributed.is_initialized()
        assert processes.from_main(lambda: 7) == 7


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with (
        pytest.raises(DetectorError, match=r"process 3 on a machine with 2 GPUs; .* 2, or"),
        join_processes("cuda"),
    ):
        pass


def test_every_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for what is loaded before the processes have joined."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setattr("torch.zeros", lambda *size, device: None)
    assert choose_device(None) == torch.device("cuda")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "3")
    for named in (None, "cuda", "cuda:1", torch.device("cuda")):
        assert choose_device(named) == torch.device("cuda", 3)
    assert choose_device("cpu") == torch.device("cpu")


class Faulty(TinySteps):
    def part(self, step: int, place: int) -> Any:
        if step == 2:
            raise DetectorError("3.png: is another picture now")
        return super().part(step, place)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_a_worker_is_one_line(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.training_loop.parts._workers", lambda device: workers)
    parts = made_parts(Faulty(), 1, range(2), torch.device("cpu"))
    assert len([next(parts), next(parts)]) == 2
    with pytest.raises(DetectorError) as caught:
        next(parts)
    assert str(caught.value) == "3.png: is another picture now"
