"""Object proposals: from an image to ranked boxes that may hold an object.

The package needs numpy and, once a function is called, OpenCV and llvmlite, which loads the
compiled kernels. numba is imported only to compile them, once per machine. Only
`proposals.multibox` and `proposals.multibox_loss` need torch.

    from proposals import selective_search
    proposals = selective_search(image, mode="fast", seed=0)
    proposals.boxes_xyxy    # (N, 4) float32, original pixels
"""

from typing import TYPE_CHECKING, Any

from proposals.batch import selective_search_many
from proposals.cache import ProposalCache
from proposals.merge import merge_proposals
from proposals.recall.meter import RecallMeter, measure_recall
from proposals.recall.report import RecallReport
from proposals.result import ProposalError, Proposals
from proposals.search.region_tree import RegionTree, RegionTrees
from proposals.selective_search import selective_search

if TYPE_CHECKING:
    from proposals.search.segmentation import segment

__all__ = [
    "ProposalCache",
    "ProposalError",
    "Proposals",
    "RecallMeter",
    "RecallReport",
    "RegionTree",
    "RegionTrees",
    "measure_recall",
    "merge_proposals",
    "segment",
    "selective_search",
    "selective_search_many",
]


def __getattr__(name: str) -> Any:
    """Import ``segment`` on first use, because its module imports the compiled kernels."""
    if name == "segment":
        from proposals.search.segmentation import segment

        return segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
