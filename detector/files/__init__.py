"""Names of files, whole files, locks, digests."""
