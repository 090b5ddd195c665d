"""Several processes that train one model, started by torchrun.

    torchrun --nproc-per-node 2 --no-python detect train --data my.json --images-per-pass 1

One process per GPU (nccl), or per share of the processor's cores (gloo). DistributedDataParallel
averages the gradients; this file knows which process is which, and what one of them does for all.
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
CPU = torch.device("cpu")
PATIENCE = timedelta(days=1)  # the others wait while the main process computes proposals


@dataclass(frozen=True)
class Processes:
    """How many processes train together, which of them this one is, and the device it uses.

    The process of rank 0 is the main one: it alone writes files and reports.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = CPU

    @property
    def is_main(self) -> bool:
        """Whether this is the main process."""
        return self.rank == 0

    def places(self, parts_per_step: int) -> range:
        """The parts of every step that this process computes: every `count`-th.

        Raises
        ------
        DetectorError
            The number of parts is not a multiple of the number of processes.
        """
        if parts_per_step % self.count:
            raise DetectorError(
                f"a step has {parts_per_step} passes for {self.count} processes; make them a "
                "multiple by --images-per-pass, by --crops-per-pass (network.mode warp, pretrain) "
                "or by training.images_per_step (pretrain: --batch), or start fewer processes"
            )
        return range(self.rank, parts_per_step, self.count)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the processes of a tensor that has the same shape in all of them."""
        if self.count == 1:
            return values
        dist.all_reduce(values)
        return values / self.count

    def from_main(self, make: Callable[[], T]) -> T:
        """What `make` returns in the main process, for all processes; it runs in that one alone."""
        if self.count == 1:
            return make()
        result = [make() if self.is_main else None]
        dist.broadcast_object_list(result, src=0)
        return result[0]  # type: ignore[return-value]

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            dist.barrier()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """A block that the main process completes before the others begin, to fill a cache."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    @contextmanager
    def holding(self, folder: Path) -> Iterator[None]:
        """A block in which no other run may write into `folder`; the main process locks it."""
        with locked(folder) if self.is_main else nullcontext():
            yield

    def parallel(self, module: nn.Module, *, uses_all: bool = False) -> nn.Module:
        """The module, with its gradients averaged over the processes whenever they are computed.

        `uses_all` promises that every pass goes through all layers that learn, which saves a search
        for unused ones.
        """
        if self.count == 1:
            return module
        warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
        return DistributedDataParallel(
            module,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            find_unused_parameters=not uses_all,
        )


ALONE = Processes()


@contextmanager
def join_processes(device: str | None = None) -> Iterator[Processes]:
    """Join the processes that torchrun started; without torchrun this process is alone.

    Parameters
    ----------
    device
        "cpu", "cuda" or "cuda:N", as in `choose_device`.

    Raises
    ------
    DetectorError
        No such device; more processes than GPUs.
    """
    chosen = choose_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(device=chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    elif os.environ.get("OMP_NUM_THREADS") == "1":  # torchrun's own default: one core for each
        torch.set_num_threads(cores_each())
    if dist.is_initialized():  # an outer block has joined them and will leave them
        yield Processes(dist.get_rank(), dist.get_world_size(), chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), chosen)
        dist.barrier()  # gloo may abort a process whose last partner has left already
    finally:
        dist.destroy_process_group()
