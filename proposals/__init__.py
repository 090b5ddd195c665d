"""Object proposals: from an image to boxes that may hold an object, best first.

Needs numpy and, once a function is called, OpenCV and llvmlite, which loads the compiled
kernels. numba is needed only to compile them, once per machine; torch by `proposals.multibox`
alone.

    from proposals import selective_search
    proposals = selective_search(image, mode="fast", seed=0)
    proposals.boxes_xyxy    # (N, 4) float32, original pixels
"""

from typing import TYPE_CHECKING, Any

from proposals.batch import selective_search_many
from proposals.cache import ProposalCache
from proposals.merge import merge_proposals
from proposals.recall.meter import RecallMeter, RecallReport, measure_recall
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
    """Import ``segment`` when it is first asked for, because it brings the kernels along."""
    if name == "segment":
        from proposals.search.segmentation import segment

        return segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
