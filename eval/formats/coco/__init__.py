"""Records of COCO JSON: what other programs write, in one form."""
