"""Let programs that import pycocotools use this package's classes."""

from __future__ import annotations

from contextlib import ExitStack

from eval.pycocotools.coco import COCO
from eval.pycocotools.cocoeval import COCOeval
from eval.pycocotools.masks.official import official


def patch() -> ExitStack:
    """Replace COCO and COCOeval in the modules of pycocotools.

    Call it before the program that evaluates is imported: names that it has imported already keep
    their meaning. The new classes inherit from both, so that what only pycocotools has, such as
    `showAnns`, remains.

    Returns
    -------
    A context manager that undoes the replacement at its end, as does its method `close`.

    Raises
    ------
    EvaluationError
        pycocotools is not installed.
    """
    coco, cocoeval = (official(name, "patch() needs") for name in ("coco", "cocoeval"))
    undo = ExitStack()
    for module, ours in ((coco, COCO), (cocoeval, COCOeval)):
        name = ours.__name__
        theirs = getattr(module, name)
        if not issubclass(theirs, ours):
            undo.callback(setattr, module, name, theirs)
            # With the module's name, objects can be pickled and sent to other processes.
            setattr(module, name, type(name, (ours, theirs), {"__module__": module.__name__}))
    return undo
