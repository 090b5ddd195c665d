"""Detection on many processes and machines by Ray: `detect batch`, and classes for `map_batches`.

    dataset.map_batches(DetectPictures, fn_constructor_kwargs={"detector": "voc20"}, concurrency=2)

`detect batch` itself distributes single pictures among Ray actors rather than blocks of a Ray
Dataset, because a Dataset does not know after a crash which of its rows are written already.
"""

from detector.batch.actors import DetectPictures, ProposeBoxes, RegionFeatures

__all__ = ["DetectPictures", "ProposeBoxes", "RegionFeatures"]
