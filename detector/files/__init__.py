"""File names, files written whole, locks and digests."""
