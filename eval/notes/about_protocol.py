"""A note where the ground truth is made for another protocol than the one that was chosen."""

from __future__ import annotations

from eval.datasets import Dataset

_LVIS = (
    "the ground truth is LVIS's, where an image is checked for some classes only: detections of "
    "the other classes count as false here, and figures are lower than LVIS's; --protocol lvis "
    "follows its rules"
)
_LVIS_IN_PART = (
    "the ground truth is LVIS's, where some classes are annotated only in part: detections of "
    "other objects of these count as false here; --protocol lvis ignores them"
)
_OPEN_IMAGES = (
    "the ground truth has verified image labels, as Open Images has: detections of classes "
    "that nobody looked for in the image count as false here; --protocol open_images leaves "
    "them out"
)


def about_protocol(dataset: Dataset, protocol: str) -> tuple[str, ...]:
    """A note if the protocol disregards which classes an image was checked for."""
    if dataset.federation is not None:
        # The challenge of Open Images leaves out classes that were not checked, as LVIS does.
        words = {"lvis": (), "open_images": (_LVIS_IN_PART,)}
        return words.get(protocol, (_LVIS,))
    if dataset.verified is None or protocol in ("open_images", "open_images_v2"):
        return ()
    return (_OPEN_IMAGES,)
