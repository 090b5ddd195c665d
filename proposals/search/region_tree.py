"""The regions behind the boxes: superpixels, their merges, and a mask for every proposal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class RegionTree(NamedTuple):
    """One segmentation and the binary trees of its merges, one tree per similarity.

    A node is a row of ``boxes``: first the R segments, then for each similarity in turn the
    R - 1 merged regions, the last of which is the whole image.
    """

    colour_space: str
    k: float  # scale of the segmentation; also its smallest segment, in resized pixels
    labels: NDArray[np.int32]  # (h, w) of the resized image, segments 0..R-1
    merges: dict[str, NDArray[np.int32]]  # similarity -> (R - 1, 2); row i creates region R + i
    boxes: NDArray[np.int32]  # (R + S (R - 1), 4), in resized pixels

    def segments(self, node: int) -> list[int]:
        """Labels of the segments in a node, ascending.

        Raises
        ------
        IndexError
            The tree has no such node.
        """
        if not 0 <= node < len(self.boxes):
            raise IndexError(f"node {node}: this tree has nodes 0 to {len(self.boxes) - 1}")
        merge_lists = list(self.merges.values())
        merge_count = len(merge_lists[0])
        segment_count = merge_count + 1
        if node < segment_count:
            return [node]
        number, step = divmod(node - segment_count, merge_count)
        labels = []
        waiting = [segment_count + step]
        while waiting:
            region = waiting.pop()
            if region < segment_count:
                labels.append(region)
            else:
                waiting.extend(merge_lists[number][region - segment_count].tolist())
        return sorted(labels)


@dataclass(frozen=True, eq=False)
class RegionTrees:
    """The region behind each proposal of one image.

    Several regions may share a box; the proposal belongs to the region that was ranked first.
    The trees hold all nodes, including those whose boxes were dropped or cut off.

    Attributes
    ----------
    trees
        One tree per colour space and k.
    tree_of
        (N,) int32, index into ``trees`` for every proposal, in the order of the proposals.
    node_of
        (N,) int32, the proposal's node in that tree.
    image_size
        Height and width of the original image in pixels.
    """

    trees: tuple[RegionTree, ...]
    tree_of: NDArray[np.int32]
    node_of: NDArray[np.int32]
    image_size: tuple[int, int]

    def __len__(self) -> int:
        """Return the number of proposals."""
        return len(self.tree_of)

    def mask(self, proposal: int) -> NDArray[np.bool_]:
        """Mask of the region behind a proposal.

        The mask's bounding box is the proposal's box. If the image was shrunk for the search, the
        two agree to within a pixel of the smaller image. If it was enlarged, parts of the region
        thinner than an original pixel may be missing; the mask of a very thin region may be empty.

        Parameters
        ----------
        proposal
            Row of the proposals that `selective_search` returned with this object.

        Returns
        -------
        (H, W) bool in pixels of the original image, by nearest neighbour.

        Raises
        ------
        IndexError
            There is no such proposal.
        """
        tree = self.trees[self.tree_of[proposal]]
        is_inside = np.zeros(tree.labels.max() + 1, bool)
        is_inside[tree.segments(int(self.node_of[proposal]))] = True
        return _enlarge(is_inside[tree.labels], self.image_size)

    def labels(self, tree: int) -> NDArray[np.int32]:
        """Superpixels of a tree as (H, W) int32 in pixels of the original image."""
        return _enlarge(self.trees[tree].labels, self.image_size)


def _enlarge(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Resize (h, w) to ``size``: each pixel takes the value below its centre."""
    height, width = picture.shape
    rows = (2 * np.arange(size[0]) + 1) * height // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * width // (2 * size[1])
    return picture[rows[:, None], columns]
