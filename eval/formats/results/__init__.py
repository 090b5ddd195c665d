"""Readers of detection results, one file per format."""
