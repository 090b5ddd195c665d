"""Tensors in, tensors out: the networks and their operators."""
