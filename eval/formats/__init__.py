"""Ground truth and results as files, one module a format (eval.reading chooses among them).

Ground truth: coco_json, voc, ilsvrc, yolo -> Dataset. Results: the modules of results/ ->
DetectionTable.
"""
