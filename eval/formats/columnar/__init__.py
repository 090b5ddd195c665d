"""Readers of tables by column, a row for each image."""
