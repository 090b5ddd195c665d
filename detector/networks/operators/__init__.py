"""Operators of our own, with compiled or fused code where PyTorch has none."""
