"""An ONNX file that holds nothing but a card, written by hand as protobuf."""

import json

from pcsa_jax.data.grid import Grid
from pcsa_jax.publishing.onnx_card import sealed

CARD = {
    "format": "pcsa_jax onnx 1",
    "system": "pcsa",
    "grid": {"shape": [16] * 3, "affine": Grid(16).affine.tolist(), "voxel_size_mm": 12},
    "pet": {"range": [0, 1], "unit": "arbitrary", "meaning": "relative"},
    "training": {"cohort": "phantom", "is_phantom": True, "row": "pcsa", "step": 1, "checkpoint": "best"},
    "notice": "The generator was trained on a PHANTOM, not on people.",
    "intended_use": "research",
    "sha256": "0" * 64,
}


def field(number: int, content: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def onnx_bytes(card: dict) -> bytes:
    """A ``ModelProto`` with fields of other kinds before and after the card."""
    graph = field(7, field(2, b"the network"))
    text = json.dumps(sealed(card, graph)).encode()
    entry = field(1, b"pcsa_jax") + field(2, text)
    other = field(1, b"other") + field(2, b"value")
    return (
        varint(1 << 3)
        + varint(10)
        + field(2, b"pcsa_jax")
        + graph
        + field(14, other)
        + field(14, entry)
        + field(8, b"\x10\x15")
    )
