"""How many objects the proposals cover."""
