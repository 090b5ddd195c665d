"""Compiled code that reads JSON and lines of numbers into arrays."""
