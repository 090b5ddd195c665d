"""Masks as run-length encodings (RLE): from polygons and text to areas, boxes and overlaps."""
