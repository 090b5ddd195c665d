"""`detect PICTURE ...`: sources -> detections -> drawings, crops and files of boxes."""
