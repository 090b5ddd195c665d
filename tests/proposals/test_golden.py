"""Selective search returns the same bytes as before it was optimised: hashes of commit ad81747.

The hashes come from the plain implementation, each step of which other tests compare with the
papers. An optimisation must not change a byte. A deliberate change of behaviour must also increase
`proposals.cache.VERSION`.
"""

import hashlib

import pytest

from proposals import selective_search
from tests.proposals.golden_images import IMAGES

# (picture, mode, superpixel_scale) -> boxes, first 16 digits of SHA-256 over the float32 boxes
EXPECTED = {
    ("scene", "single", 1.0): (36, "6a2252fdd5ce63ab"),
    ("scene", "single", 2.0): (25, "e3c3275304cec0f5"),
    ("scene", "fast", 1.0): (185, "a85093fa6e781b1c"),
    ("scene", "fast", 2.0): (114, "63ffed0c00d15c88"),
    ("scene", "quality", 1.0): (788, "812334cb449dcbeb"),
    ("scene", "quality", 2.0): (417, "a6e125de001a8232"),
    ("noise", "single", 1.0): (62, "2ba338328cf0e8a8"),
    ("noise", "single", 2.0): (30, "d62cb85da90416e2"),
    ("noise", "fast", 1.0): (544, "f9e7eef31ea19caf"),
    ("noise", "fast", 2.0): (266, "488b739e444c8e9c"),
    ("noise", "quality", 1.0): (2140, "9b3131bfe04cad9e"),
    ("noise", "quality", 2.0): (869, "196c96a86fdc3be5"),
    ("stripes", "single", 1.0): (25, "8283d7aba34bbb3b"),
    ("stripes", "single", 2.0): (25, "8283d7aba34bbb3b"),
    ("stripes", "fast", 1.0): (182, "68ac70b0a8e83029"),
    ("stripes", "fast", 2.0): (40, "12f7c262e0b9cc27"),
    ("stripes", "quality", 1.0): (329, "c0e5793cb44332e3"),
    ("stripes", "quality", 2.0): (58, "7a01bc84638342dd"),
    ("waves", "single", 1.0): (25, "c38c66cc27064d1a"),
    ("waves", "single", 2.0): (10, "07f361141cddbec9"),
    ("waves", "fast", 1.0): (80, "d85f3c3f0321c4d7"),
    ("waves", "fast", 2.0): (36, "0b3a9a2005c231e4"),
    ("waves", "quality", 1.0): (253, "9bba4f090994ef2c"),
    ("waves", "quality", 2.0): (85, "6e0f5415141c4f83"),
}


@pytest.mark.parametrize("case", EXPECTED, ids=str)
def test_boxes_and_their_order_are_unchanged(case):
    name, mode, superpixel_scale = case
    result = selective_search(IMAGES[name](), mode, superpixel_scale, width=None, min_side=0)
    digest = hashlib.sha256(result.boxes_xyxy.tobytes()).hexdigest()[:16]
    assert (len(result), digest) == EXPECTED[case]
