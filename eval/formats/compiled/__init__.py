"""Parsers of JSON and text, compiled."""
