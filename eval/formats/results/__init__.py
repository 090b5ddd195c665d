"""Readers of results, one module per format."""
