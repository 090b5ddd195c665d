"""The loop that trains any network, resumable."""
