"""JSON objects that anybody may have written or damaged: read within limits, and what is wrong told in a few words."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, get_args

from pcsa_jax.errors import UserError

MOST_BYTES = 2**24
"""Of one object: our largest have some hundred thousand."""

MOST_DEEP = 64
"""Levels of objects and lists in each other; ours have ten."""

MOST_DIGITS = 100
"""Characters of one number; a float needs 25."""

Kind = type | UnionType
"""Of a field: the types that its value may have. ``None`` among them: it may be missing."""

NO_FIELDS: Mapping[str, Kind] = MappingProxyType({})

_WORDS = {
    dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a whole number", float: "a number",
    NoneType: "null",
}  # fmt: skip


def parse_object(
    raw: bytes | str, fields: Mapping[str, Kind] = NO_FIELDS, *, most_bytes: int = MOST_BYTES
) -> dict[str, Any]:
    """The JSON object that ``raw`` is.

    Args:
      raw: UTF-8 with or without a byte-order mark, or text.
      fields: name of a field -> the types that its value may have; ``bool`` is no number, and ``float`` takes whole
        numbers.
      most_bytes: of ``raw``.

    Raises:
      ValueError: if it is no JSON, no object, beyond the limits, has a key twice with two values, or if a field is
        missing or of another type. Its text is short, in one line, and follows on "found".
    """
    if len(raw) > most_bytes:
        raise ValueError(f"{len(raw)} bytes of JSON, more than {most_bytes}")
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"bytes that are not UTF-8 (at {error.start})") from error
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_int=_whole_number, parse_float=_number)
    except RecursionError as error:
        raise ValueError(f"more than {MOST_DEEP} levels of nesting") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(_what(found))
    _check_contents(found)
    check_fields(found, fields)
    return found


def read_object(
    path: Path, fields: Mapping[str, Kind] = NO_FIELDS, *, expected: str, remedy: str = "Restore the file"
) -> dict[str, Any]:
    """The JSON object in a file.

    Args:
      path: of the file.
      fields: see :func:`parse_object`.
      expected: what it is, for the message ("the run's config").
      remedy: what to do, without a full stop.

    Raises:
      UserError: if there is no such file, or what it holds is no such object.
    """
    try:
        return parse_object(read_limited(path), fields)
    except OSError as error:
        raise UserError(f"{path}: expected {expected}, found {error.strerror or error}. {remedy}.") from error
    except ValueError as error:
        raise UserError(f"{path}: expected {expected}, found {error}. {remedy}.") from error


def read_limited(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """A file's bytes, of a larger one no more than shows that it is too large.

    Raises:
      OSError: if it cannot be read, or is a pipe or a device, which might never end.
    """
    if path.exists() and not path.is_file():
        raise OSError(0, "a folder" if path.is_dir() else "something that is no file")
    with path.open("rb") as stream:
        return stream.read(most_bytes + 1)


def check_fields(found: Mapping[str, Any], fields: Mapping[str, Kind]) -> None:
    """Raises ValueError for the first of ``fields`` that is missing or of another type, see :func:`parse_object`."""
    for name, kind in fields.items():
        kinds = get_args(kind) or (kind,)
        value = found.get(name)
        if name not in found and NoneType not in kinds:
            raise ValueError(f"no {name}")
        allowed = (*kinds, int) if float in kinds else kinds
        if type(value) not in allowed:
            wanted = " or ".join(_WORDS[each] for each in kinds if each is not NoneType)
            raise ValueError(f"{_what(value)} as {name} in place of {wanted}")


def _what(value: Any) -> str:
    return _WORDS.get(type(value), type(value).__name__)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and (found[key] != value or type(found[key]) is not type(value)):
            raise ValueError(f"the key {key[:60]!a} twice, with two values")
        found[key] = value
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"a number that is too large ({digits[:60]})")
    return value


def _check_contents(found: dict[str, Any]) -> None:
    """Raises ValueError for what is nested too deep, and for text that no file or terminal could hold."""
    level: list[Any] = [found]
    for _ in range(MOST_DEEP):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and not value.isascii():
                _check_text(value)
        level = inner
        if not level:
            return
    raise ValueError(f"more than {MOST_DEEP} levels of nesting")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"text with half a character ({text[:60]!a})") from error
