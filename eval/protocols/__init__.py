"""How detections are judged, one module a protocol."""
