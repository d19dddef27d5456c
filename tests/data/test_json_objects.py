"""JSON that is none, too much or something else: told in a few words, whatever it is."""

import json
import os

import pytest

from pcsa_jax.data.json_objects import MOST_BYTES, MOST_DEEP, parse_object, read_object
from pcsa_jax.errors import UserError


def nested(levels):
    return '{"a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


DAMAGED = {
    "nothing": (b"", r"no JSON \(Expecting value: line 1"),
    "half": (b'{"a": 1', r"no JSON \("),
    "list": (b"[]", "a list"),
    "null": (b"null", "null"),
    "text": (b'"a"', "text"),
    "deep": (b"[" * 200_000, "more than 64 levels of nesting"),
    "deep and whole": (nested(MOST_DEEP + 1).encode(), "more than 64 levels of nesting"),
    "bytes": (b'{"a": "\xff"}', r"bytes that are not UTF-8 \(at 7\)"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), r"bytes that are not UTF-8 \(at 0\)"),
    "digits": (b'{"a": ' + b"9" * 400 + b"}", "a number of 400 digits"),
    "many digits": (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
    "fraction": (b'{"a": 0.' + b"9" * 400 + b"}", "a number of 402 digits"),
    "infinite": (b'{"a": 1e999}', r"a number that is too large \(1e999\)"),
    "twice": (b'{"a": 1, "a": 2}', "the key 'a' twice, with two values"),
    "twice below": (b'{"b": [{"a": 1, "a": true}]}', "the key 'a' twice, with two values"),
    "surrogate": (rb'{"a": ["\ud800"]}', "text with half a character"),
    "surrogate as a key": (rb'{"\ud800": 1}', "text with half a character"),
    "large": (b" " * (MOST_BYTES + 1), "16777217 bytes of JSON, more than 16777216"),
}


@pytest.mark.parametrize(("raw", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_told_in_a_few_words(raw, message):
    with pytest.raises(ValueError, match=f"^{message}") as error:
        parse_object(raw)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 150


def test_what_is_sound_is_read():
    assert parse_object("\ufeff{}".encode()) == parse_object("\ufeff{}") == {}
    assert parse_object('{"é": [1, 2.5, null], "a": 1, "a": 1}') == {"é": [1, 2.5, None], "a": 1}
    assert parse_object(nested(MOST_DEEP)) == json.loads(nested(MOST_DEEP))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no step"),
        ('{"step": null}', "null as step in place of a whole number"),
        ('{"step": "1"}', "text as step in place of a whole number"),
        ('{"step": true}', "true or false as step in place of a whole number"),
        ('{"step": 1.0}', "a number as step in place of a whole number"),
        ('{"step": 1, "seconds": []}', "a list as seconds in place of a number"),
    ],
)
def test_fields_have_their_types(text, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_object(text, {"step": int, "seconds": float | None})


def test_fields_may_be_whole_numbers_or_missing():
    for text in ('{"step": 1}', '{"step": 1, "seconds": null}', '{"step": 1, "seconds": 2}'):
        assert parse_object(text, {"step": int, "seconds": float | None})["step"] == 1


def test_a_file_is_named_with_what_was_expected(tmp_path):
    path = tmp_path / "config.json"
    for prepare, found in (
        (lambda: None, "No such file or directory"),
        (path.mkdir, "a folder"),
        (lambda: (path.rmdir(), os.mkfifo(path)), "something that is no file"),
        (lambda: (path.unlink(), path.write_text("[]")), "a list"),
    ):
        prepare()
        with pytest.raises(UserError) as error:
            read_object(path, expected="a config", remedy="Write it again")
        assert str(error.value) == f"{path}: expected a config, found {found}. Write it again."
