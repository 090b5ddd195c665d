"""The steps of selective search, compiled."""
