"""Object proposals: from an image to boxes that may hold an object, best first.

Needs numpy, numba and OpenCV, the last two only once a function is called; never torch.

    from proposals import selective_search
    proposals = selective_search(image, mode="fast", superpixel_scale=2.0, seed=0)
    proposals.boxes_xyxy    # (N, 4) float32, original pixels
"""

from typing import TYPE_CHECKING, Any

from proposals.result import ProposalError, Proposals
from proposals.selective_search import selective_search

if TYPE_CHECKING:
    from proposals.segmentation import segment

__all__ = ["ProposalError", "Proposals", "segment", "selective_search"]


def __getattr__(name: str) -> Any:
    """Import ``segment`` when it is first asked for, because it brings numba along."""
    if name == "segment":
        from proposals.segmentation import segment

        return segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
