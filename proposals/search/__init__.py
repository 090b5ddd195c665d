"""The steps of selective search; the inner loops are compiled."""
