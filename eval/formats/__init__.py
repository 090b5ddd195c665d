"""Readers, one module per format; eval.reading chooses the one for a path.

coco_json, voc, ilsvrc and yolo read ground truth into a Dataset, with what folders/ knows of files
and lines. The modules in results/ read results into a DetectionTable.
"""
