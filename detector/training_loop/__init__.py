"""The resumable training loop, for any network."""
