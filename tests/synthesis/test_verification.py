"""An exported file is what it says, or it is refused in one line: changed bits, hostile cards, foreign tensors."""

import copy
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import pcsa_jax
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.verification import CARD_HASH, card_hash, content_hash


@pytest.fixture(scope="module")
def card(exported):
    with safe_open(exported, framework="numpy") as stream:
        return json.loads(stream.metadata()["pcsa_jax"])


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        pcsa_jax.load_generator(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{path}: expected ")
    return str(caught.value)


def write(path, tensors, card, *, hashed=True):
    text = card if isinstance(card, str) else json.dumps(card | ({CARD_HASH: card_hash(card)} if hashed else {}))
    save_file(tensors, path, metadata={"pcsa_jax": text})
    return path


def test_no_changed_bit_goes_unnoticed(exported, tmp_path):
    raw, path = exported.read_bytes(), tmp_path / "flipped.safetensors"
    header = 8 + int.from_bytes(raw[:8], "little")
    rng = np.random.default_rng(0)
    places = [*rng.integers(0, header, 250), *rng.integers(header, len(raw), 50)]
    for place in places:
        changed = bytearray(raw)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        refusal(path)


def test_a_changed_range_is_noticed_though_the_parameters_are_the_same(exported, card, tmp_path):
    changed = copy.deepcopy(card)
    changed["pet"]["range"] = [0, 9]
    path = write(tmp_path / "x.safetensors", load_file(exported), changed, hashed=False)
    assert refusal(path).endswith("found a card that was changed since (its SHA-256 is another). Export again.")
    changed["format"] = "pcsa_jax generator 2"
    path = write(path, load_file(exported), changed)
    assert refusal(path).endswith("found a card whose pet is not what its config makes. Export again.")


HOSTILE = {
    "no JSON": (None, "a card that holds no JSON"),
    "a list": ("[]", "a card that holds a list"),
    "deep": ("[" * 100_000, "more than 64 levels of nesting"),
    "huge": ('"' + "x" * 2**21 + '"', "characters"),
    "format": ({"format": 3}, "expected format"),
    "no training": ({"training": None}, "says nothing of the training"),
    "training a list": ({"training": [1]}, "says nothing of the training"),
    "no config": ({"training.config": None}, "training.config"),
    "config a text": ({"training.config": "pcsa"}, "training.config"),
    "config with another field": ({"training.config.extra": 1}, "extra"),
    "config with a hostile size": ({"training.config.data.size": 10**9}, "config"),
    "config with a size of text": ({"training.config.data.size": "16"}, "config"),
    "step": ({"training.step": -1}, "training.step"),
    "step true": ({"training.step": True}, "training.step"),
    "cohort": ({"training.cohort": {"a": 1}}, "training.cohort"),
    "system": ({"system": "unet"}, "whose system is not what its config makes"),
    "generator": ({"generator": {}}, "whose generator is not"),
    "grid": ({"grid.shape": [32, 32, 32]}, "whose grid is not"),
    "affine": ({"grid.affine": [[1, 0, 0, 0]] * 4}, "whose grid is not"),
    "normalisation": ({"normalisation.pet": "suvr"}, "whose normalisation is not"),
    "range": ({"pet.range": [0, float("inf")]}, "whose pet is no scale"),
    "range turned": ({"pet.range": [1, 0]}, "whose pet is no scale"),
    "sha256": ({"sha256": "../../x"}, "without the parameters' SHA-256"),
    "sha256 none": ({"sha256": None}, "without the parameters' SHA-256"),
    "maps": ({"training.maps": ["x"]}, "training.maps are no hashes"),
    "maps of numbers": ({"training.maps": {"train": [1]}}, "training.maps are no hashes"),
    "notice": ({"notice": 7}, "whose notice is no text"),
    "intended use": ({"intended_use": ["diagnosis"]}, "whose intended_use is no text"),
    "reference region": ({"pet.reference_region": 3}, "whose pet is no scale"),
    "modulated": ({"training.is_modulated": "no"}, "training.is_modulated is 'no'"),
    "validation": ({"training.validation": {"mae_brain": "good"}}, "training.validation is no numbers"),
    "a seed of no computer": ({"training.config.seed": 10**30}, "config.seed: expected a whole number"),
    "a network without end": ({"training.config.generator.residual_blocks": 10**9}, "residual_blocks: expected"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_card_is_refused_in_one_line(exported, card, tmp_path, kind):
    changes, expected = HOSTILE[kind]
    changed = "{half" if changes is None else changes
    if isinstance(changes, dict):
        changed = copy.deepcopy(card)
        for name, value in changes.items():
            *groups, key = name.split(".")
            node = changed
            for group in groups:
                node = node[group]
            node[key] = value
    assert expected in refusal(write(tmp_path / "x.safetensors", load_file(exported), changed))


KERNEL = "bottleneck.kernel"


def with_kernel(change):
    """A file whose tensor is changed and whose card carries the checksum of that."""

    def make(path: Path, sound, card) -> None:
        tensors = change(sound)
        write(path, tensors, card | {"sha256": content_hash(tensors)})

    return make


def with_bytes(change):
    """A file of other bytes: ``change`` is given the sound file's header (a dict) and the tensors' bytes."""

    def make(path: Path, sound, card) -> None:
        raw = write(path, sound, card).read_bytes()
        end = 8 + int.from_bytes(raw[:8], "little")
        changed = change(json.loads(raw[8:end]), raw[end:])
        path.write_bytes(changed)

    return make


def packed(header: dict | bytes, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def with_entry(**changes):
    """A file whose header says other things of one tensor."""
    return with_bytes(lambda header, data: packed(header | {KERNEL: header[KERNEL] | changes}, data))


def twice(header: dict, data: bytes) -> bytes:
    other = json.dumps(next(entry for name, entry in header.items() if name not in (KERNEL, "__metadata__")))
    return packed(f"{json.dumps(header)[:-1]}, {json.dumps(KERNEL)}: {other}}}".encode(), data)


def pickled(header: dict, data: bytes) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Path], dtype=object), allow_pickle=True)
    return stream.getvalue()


def other_name(sound):
    return {("other" if name == KERNEL else name): array for name, array in sound.items()}


DAMAGED = "a damaged file ("
HOSTILE_FILES = {
    "nothing there": (lambda path, *_: None, "found nothing"),
    "a folder": (lambda path, *_: path.mkdir(), "a run with a config.json, found none"),
    "a link to itself": (lambda path, *_: path.symlink_to(path), "found nothing"),
    "a dangling link": (lambda path, *_: path.symlink_to("gone"), "found nothing"),
    "zero bytes": (with_bytes(lambda header, data: b""), DAMAGED),
    "cut in the header": (with_bytes(lambda header, data: packed(header, data)[:100]), DAMAGED),
    "cut in the tensors": (with_bytes(lambda header, data: packed(header, data[:-1])), DAMAGED),
    "a tail": (with_bytes(lambda header, data: packed(header, data + b"x")), DAMAGED),
    "a header of 2^63 bytes": (with_bytes(lambda header, data: b"\xff" * 7 + b"\x7f" + data), DAMAGED),
    "a header longer than the file": (
        with_bytes(lambda header, data: (len(data) + 10**6).to_bytes(8, "little") + packed(header, data)[8:]), DAMAGED),
    "a header that is no JSON": (with_bytes(lambda header, data: packed(b"{half", data)), DAMAGED),
    "a deep header": (with_bytes(lambda header, data: packed(b'{"a":' * 10**5, data)), DAMAGED),
    "a header in another encoding": (with_bytes(lambda header, data: packed(b'{"\xff": 1}', data)), DAMAGED),
    "a name twice": (with_bytes(twice), DAMAGED),
    "no metadata": (with_bytes(lambda header, data: packed(
        {name: entry for name, entry in header.items() if name != "__metadata__"}, data)), "found None"),
    "metadata of numbers": (
        with_bytes(lambda header, data: packed(header | {"__metadata__": {"a": 1}}, data)), DAMAGED),
    "a huge shape": (with_entry(shape=[2**40, 2**40]), DAMAGED),
    "a shape below 0": (with_entry(shape=[-1, 4]), DAMAGED),
    "offsets beyond the file": (with_entry(data_offsets=[0, 2**50]), DAMAGED),
    "offsets that overlap": (with_entry(data_offsets=[0, 4]), DAMAGED),
    "an unknown type": (with_entry(dtype="OBJECT"), DAMAGED),
    "a pickle": (with_bytes(pickled), DAMAGED),
    "lacks": (with_kernel(lambda sound: {name: sound[name] for name in sound if name != KERNEL}), "lacks the tensor"),
    "extra": (with_kernel(lambda sound: sound | {"extra": np.zeros(3, np.float32)}), "has the tensor 'extra'"),
    "another name": (with_kernel(other_name), f"lacks the tensor '{KERNEL}'"),
    "none": (with_kernel(lambda sound: {}), "lacks the tensor"),
    "float16": (with_kernel(lambda sound: sound | {KERNEL: sound[KERNEL].astype(np.float16)}), "of float16"),
    "float64": (with_kernel(lambda sound: sound | {KERNEL: sound[KERNEL].astype(np.float64)}), "of float64"),
    "shape": (with_kernel(lambda sound: sound | {KERNEL: sound[KERNEL][..., :1].copy()}), "in place of float32"),
    "predictors of nobody": (
        with_kernel(lambda sound: sound | {"prior.x": np.zeros(3, np.float32)}), "no predictors, as its card has none"),
    "NaN": (with_kernel(lambda sound: sound | {KERNEL: np.full_like(sound[KERNEL], np.nan)}), "NaN or infinite"),
    "infinite": (with_kernel(lambda sound: sound | {KERNEL: np.full_like(sound[KERNEL], -np.inf)}), "NaN or infinite"),
    "other values": (lambda path, sound, card: write(path, sound | {KERNEL: sound[KERNEL] + 1}, card), "SHA-256"),
    "another format": (lambda path, sound, card: write(path, sound, card | {"format": "pcsa_jax generator 5"}),
                       "expected format 'pcsa_jax generator 4', found 'pcsa_jax generator 5'"),
}  # fmt: skip
"""Name -> what makes the file, and a part of what is told."""


@pytest.mark.parametrize("kind", HOSTILE_FILES)
def test_a_hostile_file_is_refused_in_one_line(exported, card, tmp_path, kind):
    make, expected = HOSTILE_FILES[kind]
    make(tmp_path / "x.safetensors", load_file(exported), card)
    assert expected in refusal(tmp_path / "x.safetensors")
    assert sorted(os.listdir(tmp_path)) in (["x.safetensors"], [])


def test_the_card_of_a_run_and_of_its_export_name_the_same_parameters(exported, card, tiny_run):
    assert pcsa_jax.load_generator(tiny_run).card["sha256"] == card["sha256"]
    assert pcsa_jax.load_generator(exported).card == card
