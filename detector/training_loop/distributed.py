"""Several processes that train one model: what `torchrun detect train ...` started.

    torchrun --nproc-per-node 2 --no-python detect train --data my.json \\
        --set training.images_per_part=1

One process per GPU (nccl), or per share of the processor's cores (gloo). All averaging of
gradients is DistributedDataParallel's; here is who is who, and what is done once for all.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from detector.errors import DetectorError
from detector.files.locking import locked
from detector.loading import choose_device
from detector.training_loop.parts import cores_each

T = TypeVar("T")
PATIENCE = timedelta(days=1)  # the others wait while the main process computes proposals


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and which one this is; the first is the main one."""

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def places(self, parts_per_step: int) -> range:
        """The parts of every step that this process takes: every `count`-th.

        Raises
        ------
        DetectorError
            The parts cannot be dealt out evenly.
        """
        if parts_per_step % self.count:
            raise DetectorError(
                f"a step has {parts_per_step} parts for {self.count} processes; make them a "
                "multiple by training.images_per_step or images_per_part (network.mode shared), "
                "training.crops_per_pass (warp) or --batch (pretrain), or start fewer processes"
            )
        return range(self.rank, parts_per_step, self.count)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the processes, of a tensor of one shape."""
        if self.count == 1:
            return values
        dist.all_reduce(values)
        return values / self.count

    def from_main(self, make: Callable[[], T]) -> T:
        """What `make` returns in the main process, in all processes; the others do not call it."""
        if self.count == 1:
            return make()
        found = [make() if self.is_main else None]
        dist.broadcast_object_list(found, src=0)
        return found[0]  # type: ignore[return-value]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """A block that the main process goes through before the others, to fill a cache."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    @contextmanager
    def holding(self, folder: Path) -> Iterator[None]:
        """A block in which no other run may write into `folder`: the main process's, as it is."""
        with locked(folder) if self.is_main else nullcontext():
            yield

    def parallel(
        self, module: nn.Module, device: torch.device, *, uses_all: bool = False
    ) -> nn.Module:
        """The module, its gradients averaged over the processes whenever they are computed.

        `uses_all` promises that every pass goes through all layers that learn, which spares a
        search for those it left out.
        """
        if self.count == 1:
            return module
        warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        return DistributedDataParallel(
            module,
            device_ids=[device] if device.type == "cuda" else None,
            find_unused_parameters=not uses_all,
        )


ALONE = Processes()


@contextmanager
def join_processes(device: str | None = None) -> Iterator[tuple[Processes, torch.device]]:
    """Join the processes that torchrun started; without torchrun this process is alone.

    Parameters
    ----------
    device
        "cpu", "cuda" or "cuda:N" as `choose_device` takes it.

    Raises
    ------
    DetectorError
        No such device; more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, choose_device(device)
        return
    local = choose_device(device)
    if local.type == "cuda":
        torch.cuda.set_device(local)
    elif os.environ.get("OMP_NUM_THREADS") == "1":  # torchrun's own choice, of one core for each
        torch.set_num_threads(cores_each())
    if dist.is_initialized():  # an outer block joined them, and will part them
        yield Processes(dist.get_rank(), dist.get_world_size()), local
        return
    dist.init_process_group("nccl" if local.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), local
        dist.barrier()  # gloo may abort a process whose last partner has left already
    finally:
        dist.destroy_process_group()
