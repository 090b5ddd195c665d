"""The settings of the machine that trains: what differs between computers, not between recipes.

A run may be continued with other settings. They change its weights through rounding alone, with one
exception: the passes of a step. Other passes are other sums, and dropout (in warp mode and in
pretraining also mirroring, colours and crops) is drawn again for every pass. So the same recipe in
other passes is another run of the same kind, as with another seed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """How a run uses the machine.

    Attributes
    ----------
    precision
        "bf16" or "fp32"; "auto" is bf16 where the device computes in it.
    checkpoint_minutes
        Time between two checkpoints.
    memory_gb
        Decoded photographs that warp mode keeps, in 10^9 bytes; it reads the others each time.
    images_per_pass
        Shared mode: photographs in one forward and backward pass; None = those of a step that
        share a short side.
    crops_per_pass
        Warp mode and pretraining: crops in one forward and backward pass.
    """

    precision: str = "auto"
    checkpoint_minutes: float = 5.0
    memory_gb: float = 4.0
    images_per_pass: int | None = None
    crops_per_pass: int = 32


DEFAULT_MACHINE = Machine()
