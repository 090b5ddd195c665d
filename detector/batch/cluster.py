"""Ray's processes: the machines, the actors, and pictures that wait for an actor.

An actor that is killed is replaced, and the pictures that it had are detected again, each alone. A
picture that is alone with an actor whenever one dies is taken for the cause, and becomes a failure.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from detector.batch.schema import Row
from detector.batch.sources import Picture
from detector.batch.worker import Description, Worker
from detector.console import notify
from detector.errors import DetectorError
from proposals.threads import processors

PICTURES_PER_CALL = 8  # on a GPU, where a call takes about as long as a picture
MOST_DEATHS = 3  # of actors that were alone with a picture
MEMORY = 100 * 2**20  # bytes of Ray's object store here, which holds results on their way
PATIENCE = 60  # seconds until a line says that the actors are not there yet


class Machines(NamedTuple):
    """How many actors there are, and what each of them has."""

    workers: int
    threads: int
    gpus: float

    def hire(self, load: Callable[[str | None], Any], options: dict[str, Any]) -> Any:
        """Start an actor."""
        import ray

        kind = ray.remote(Worker).options(num_cpus=self.threads, num_gpus=self.gpus)
        return kind.remote(load, options, self.threads, "cuda" if self.gpus else None)


@contextmanager
def ray_running(
    address: str | None, workers: int | None, threads: int | None, *, gpus: bool
) -> Iterator[Machines]:
    """Join the cluster at `address`, or use this machine; Ray ends with the block.

    Parameters
    ----------
    workers, threads
        Numbers of actors, and of the threads of each; None uses all processors and all GPUs.
    gpus
        Whether actors use GPUs where there are any.

    Raises
    ------
    DetectorError
        There is no cluster at the address, or it has too few processors.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # By default Ray gives every other program of the machine precedence.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    local: dict[str, Any] = {}
    if address is None:
        cores = processors() if workers is None or threads is None else workers * threads
        # More actors than processors are the user's choice, and Ray must not wait for processors.
        local = {
            "num_cpus": max(cores, (workers or 1) * (threads or 1)),
            "include_dashboard": False,
            "object_store_memory": MEMORY,
        }
    before = signal.getsignal(signal.SIGTERM)
    try:
        # "local": RAY_ADDRESS and a cluster that happens to run here are not joined unasked.
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        where = f"--address {address}" if address else "Ray"
        raise DetectorError(f"{where}: {reason}") from None
    if before is not None:
        signal.signal(signal.SIGTERM, before)  # Ray would end the process without an answer
    try:
        yield _share(ray.cluster_resources(), workers, threads, gpus=gpus)
    finally:
        ray.shutdown()


def _share(
    resources: dict[str, float], workers: int | None, threads: int | None, *, gpus: bool
) -> Machines:
    """The actors that share the processors and GPUs of a cluster."""
    cores, cards = int(resources.get("CPU", 1)), int(resources.get("GPU", 0)) if gpus else 0
    if workers is None:
        workers = cards or max(1, cores // (threads or min(2, cores)))
    if threads is None:
        threads = max(1, cores // workers)
    if workers * threads > cores:
        raise DetectorError(
            f"--workers {workers} with --threads {threads} need {workers * threads} processors, "
            f"and the cluster has {cores}; use fewer"
        )
    return Machines(workers, threads, min(1.0, cards / workers))


class Crew:
    """The actors at work. The first of them describes the detector, and the others must agree.

    Parameters
    ----------
    machines
        How many actors.
    hire
        Starts an actor.
    """

    def __init__(self, machines: Machines, hire: Callable[[], Any]) -> None:
        self._hire = hire
        self._size = PICTURES_PER_CALL if machines.gpus else 1
        self._busy: dict[Any, tuple[Any, tuple[Picture, ...]]] = {}  # by the awaited reference
        self._deaths: Counter[Picture] = Counter()
        self._suspects: deque[Picture] = deque()
        self._dead_in_row, self._most_dead = 0, 5 * (machines.workers + 1)
        for _ in range(machines.workers):
            self._start()
        self.description = self._first_description()

    def work(self, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Row]]:
        """The results of pictures as they become ready.

        Raises
        ------
        DetectorError
            The actors' detectors differ, or actors die whatever they do.
        """
        waiting = iter(pictures)
        while self._busy:
            for ready in self._wait():
                actor, chunk = self._busy.pop(ready)
                outcome = self._outcome(ready)
                if outcome is None:
                    yield from self._blame(chunk)
                    self._start()
                    continue
                self._dead_in_row = 0
                self._give(actor, waiting)
                if isinstance(outcome, Description):
                    self._check(outcome)
                else:
                    yield from zip(chunk, outcome, strict=True)

    def _start(self) -> None:
        actor = self._hire()
        self._busy[actor.describe.remote()] = actor, ()

    def _give(self, actor: Any, waiting: Iterator[Picture]) -> None:
        """Give an actor its next pictures: a suspect alone, or some that wait."""
        suspect = [self._suspects.popleft()] if self._suspects else []
        if chunk := tuple(suspect or islice(waiting, self._size)):
            self._busy[actor.detect.remote(chunk)] = actor, chunk

    def _wait(self) -> Sequence[Any]:
        import ray

        ready, _ = ray.wait([*self._busy], num_returns=1, timeout=PATIENCE)
        return ready

    def _outcome(self, ready: Any) -> Description | list[Row] | None:
        """What an actor returned; None if it died."""
        import ray

        try:
            return ray.get(ready)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DetectorError):
                raise error.cause from None
            raise
        except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as error:
            self._dead_in_row += 1
            if self._dead_in_row >= self._most_dead:
                reason = " ".join(str(error).split())[:300]
                raise DetectorError(
                    f"{self._dead_in_row} processes were killed one after another; memory may be "
                    f"short: use fewer --workers ({reason})"
                ) from None
            return None

    def _blame(self, chunk: tuple[Picture, ...]) -> Iterator[tuple[Picture, Row]]:
        """After an actor's death, put its pictures aside; one that was alone too often failed."""
        if len(chunk) == 1:
            self._deaths[chunk[0]] += 1
        for picture in chunk:
            if self._deaths[picture] < MOST_DEATHS:
                self._suspects.append(picture)
                continue
            reason = f"{MOST_DEATHS} processes were killed while they detected in it"
            yield picture, {"failure": f"{reason}; memory may be short: use fewer --workers"}

    def _first_description(self) -> Description:
        """What the first actor says of its detector; its reference stays for `work`."""
        while True:
            if not (ready := self._wait()):
                notify("waiting for processors of the cluster")
                continue
            (first,) = ready
            outcome = self._outcome(first)
            if isinstance(outcome, Description):
                return outcome
            self._busy.pop(first)
            self._start()

    def _check(self, description: Description) -> None:
        """Refuse an actor whose detector is not the first one's."""
        for what in ("settings", "versions"):
            own, first = (getattr(one, what) for one in (description, self.description))
            if own == first:
                continue
            names = [name for name in first if own.get(name) != first[name]]
            message = (
                f"{description.host} has other {', '.join(names)} than {self.description.host}"
            )
            if what == "settings":
                raise DetectorError(f"{message}; install the same on all machines")
            notify(f"{message}: last digits may differ")
