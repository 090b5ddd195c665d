"""An evaluation as a page, JSON and CSV."""
