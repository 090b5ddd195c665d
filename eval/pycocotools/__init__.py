"""COCO and COCOeval with pycocotools' interface and figures, on this package's compiled kernels.

`from eval.pycocotools import COCO, COCOeval` replaces the imports from pycocotools. The arrays, the
figures and the printed summary are those of pycocotools 2.0.11, to the last bit. `patch()` makes
programs that import pycocotools use these classes.
"""

from eval.pycocotools.coco import COCO
from eval.pycocotools.cocoeval import COCOeval
from eval.pycocotools.lvis import LVISEval
from eval.pycocotools.params import Params
from eval.pycocotools.patching import patch

__all__ = ["COCO", "COCOeval", "LVISEval", "Params", "patch"]
