"""An exported file is what it says, or it is refused in one line: changed bits, hostile cards, foreign tensors."""

import copy
import json

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


def test_hostile_tensors_are_refused(exported, card, tmp_path):
    kernel = "bottleneck.kernel"
    sound = load_file(exported)
    cases = {
        "lacks the tensor": {name: array for name, array in sound.items() if name != kernel},
        "has the tensor 'extra'": sound | {"extra": np.zeros(3, np.float32)},
        "float32": sound | {kernel: sound[kernel].astype(np.float64)},
        "in place of float32": sound | {kernel: sound[kernel][..., :1].copy()},
        "NaN or infinite": sound | {kernel: np.full_like(sound[kernel], np.nan)},
    }
    for expected, tensors in cases.items():
        path = write(tmp_path / "x.safetensors", tensors, card | {"sha256": content_hash(tensors)})
        assert expected in refusal(path)


def test_the_card_of_a_run_and_of_its_export_name_the_same_parameters(exported, card, tiny_run):
    assert pcsa_jax.load_generator(tiny_run).card["sha256"] == card["sha256"]
    assert pcsa_jax.load_generator(exported).card == card
