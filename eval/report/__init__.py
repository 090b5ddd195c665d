"""Report an evaluation as an HTML page, JSON and CSV."""

from eval.report.page import write_report

__all__ = ["write_report"]
