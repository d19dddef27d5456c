"""Reading the card of an ONNX file without the package onnx: those who put a page together need none of it."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pcsa_jax.data.files import check_plain
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.verification import CARD_HASH, MOST_CARD_BYTES, card_hash

FORMAT = "pcsa_jax onnx 1"
"""First key of the card; the number changes when a reader of the old one could not read the new one."""

METADATA = "pcsa_jax"
"""Key of the card, as JSON, among the file's ``metadata_props``."""

GRAPH_HASH = "graph_sha256"
"""Key of the SHA-256 of the network's bytes: ONNX has no checksum, and a changed weight would make another PET."""

GRAPH, PROPERTIES, KEY, VALUE = 7, 14, 1, 2
"""Numbers of ``ModelProto.graph``, of its ``metadata_props`` and of their entries' fields (onnx.proto)."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How a field's value is written (protobuf's wire types)."""


def read_onnx_card(path: Path) -> dict[str, Any]:
    """What ``python -m pcsa_jax onnx`` wrote into a file about it.

    Raises:
      UserError: if there is no such file, or it is another kind of file, cut or changed.
    """
    if not path.is_file():
        check_plain(path)
        raise UserError(
            f"{path}: expected a file of python -m pcsa_jax onnx, found {'a folder' if path.is_dir() else 'nothing'}. "
            "Make one of an exported generator (docs/onnx.md)."
        )
    content = path.read_bytes()
    try:
        graph = graph_hash(content)
        entries = [dict(_fields(value)) for number, value in _fields(content) if number == PROPERTIES]
        properties = {bytes(entry[KEY]).decode(): bytes(entry[VALUE]).decode() for entry in entries}
        card = parse_object(properties[METADATA], most_bytes=MOST_CARD_BYTES)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: expected a file of python -m pcsa_jax onnx, found another kind of file or a damaged one. Make it "
            "again."
        ) from error
    if card.get("format") != FORMAT:
        found = str(card.get("format"))[:60]
        raise UserError(f"{path}: expected format {FORMAT!r}, found {found!r}. Make it again with this version.")
    if card.get(CARD_HASH) != card_hash(card):
        raise UserError(f"{path}: expected its card as it was written, found a changed one. Make it again.")
    if card.get(GRAPH_HASH) != graph:
        raise UserError(f"{path}: expected the network that its card names, found a damaged one. Make it again.")
    return card


def sealed(card: Mapping[str, Any], model: bytes) -> dict[str, Any]:
    """The card of a file whose network is that of ``model``, a file without a card."""
    card = {**card, GRAPH_HASH: graph_hash(model)}
    return card | {CARD_HASH: card_hash(card)}


def graph_hash(content: bytes) -> str:
    """SHA-256 of a file's network, weights and all.

    Raises:
      ValueError: if it is no ONNX file.
    """
    digest = hashlib.sha256()
    for number, value in _fields(content):
        if number == GRAPH and not isinstance(value, int):
            digest.update(value)
    return digest.hexdigest()


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field of a protobuf message.

    Raises:
      ValueError: if it is none, or cut.
    """
    view, place = memoryview(message), 0
    while place < len(view):
        tag, place = _varint(view, place)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, place = _varint(view, place)
        elif kind == BYTES:
            size, place = _varint(view, place)
            value, place = view[place : place + size], place + size
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
            value, place = view[place : place + size], place + size
        else:
            raise ValueError(f"wire type {kind}")
        if number == 0 or place > len(view):
            raise ValueError("a message that ends in a field")
        yield number, value


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(view):
            raise ValueError("a message that ends in a number")
        byte = view[place]
        value, place = value | (byte & 0x7F) << shift, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError("a number of more than ten bytes")
