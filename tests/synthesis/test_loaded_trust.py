"""A generator's file carries what single images are judged by, whole; ``assess`` says what the command says."""

import json

import nibabel as nib
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import pcsa_jax
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.trust_file import PREFIX
from pcsa_jax.synthesis.verification import CARD_HASH, card_hash, content_hash


@pytest.fixture(scope="module")
def generator(trusted):
    return pcsa_jax.load_generator(trusted)


@pytest.fixture(scope="module")
def path(cohort):
    return read_cohort(cohort).subjects[0].mri


def content(file):
    with safe_open(file, framework="numpy") as stream:
        return load_file(file), json.loads(stream.metadata()["pcsa_jax"])


def write(file, tensors, card):
    card = {name: value for name, value in card.items() if name != CARD_HASH}
    save_file(tensors, file, metadata={"pcsa_jax": json.dumps(card | {CARD_HASH: card_hash(card)})})
    return file


def test_a_path_an_image_and_an_array_have_one_verdict(generator, path):
    image = nib.load(path)
    found = [generator.assess(given) for given in (str(path), path, image, np.asarray(image.dataobj))]
    assert {one.verdict for one in found} == {"as trained"}
    assert found[0] == found[1] == found[2]
    assert found[3].oddity == pytest.approx(found[0].oddity, abs=0.02)
    assert 0 <= found[0].percentile <= 100 and found[0].describe()["Reasons"] == []


def test_an_array_in_any_unit_and_any_odd_one(generator, path):
    volume = np.asarray(nib.load(path).dataobj)
    one, other = generator.assess(volume), generator.assess(1000 * volume.astype(np.float64))
    assert other.oddity == pytest.approx(one.oddity, rel=1e-3)
    assert generator.assess(volume[None]) == one, "one map as a stack of one"
    odd = generator.assess(volume[:, :, ::-1])
    assert odd.verdict == "outside" and odd.percentile == 100 and len(odd.reasons) >= 1


def test_what_cannot_be_assessed_is_told_in_one_line(generator, exported, path):
    volume = np.asarray(nib.load(path).dataobj)
    for given, message in (
        (np.stack([volume, volume]), r"assess: expected one map, found 2\. Assess one at a time\."),
        (volume[:8], r"mri: expected shape \(16, 16, 16\)"),
        (np.full_like(volume, np.nan), "mri: expected finite voxels"),
        (np.zeros_like(volume), "mri 0: "),
    ):
        with pytest.raises(UserError, match=message) as told:
            generator.assess(given)
        assert "\n" not in str(told.value)
    with pytest.raises(UserError) as told:
        pcsa_jax.load_generator(exported).assess(path)
    assert str(told.value) == (
        "assess: expected statistics of at least 20 training maps, found none. Whether the model knows a map cannot be "
        "said: python -m pcsa_jax calibrate RUN adds it."
    )


def test_an_export_gives_bit_for_bit_what_was_fitted(generator, trusted, tiny_trust, path, tmp_path):
    sent = tiny_trust.arrays()
    for name, array in generator.trust.arrays().items():
        np.testing.assert_array_equal(array, sent.pop(name), err_msg=name)
    assert not sent and generator.trust.missing() == []
    assert generator.card["trust"]["sha256"] == content_hash(tiny_trust.arrays())
    own = np.asarray(nib.load(path).dataobj)
    normalised = generator._normalised(own)[0]
    assert generator.assess(own) == tiny_trust.familiarity.assess(normalised)
    assert dict(generator.trust.about) == json.loads(json.dumps(dict(tiny_trust.about)))


def test_the_parameters_hash_is_that_of_the_generator_without_it(generator, exported):
    assert generator.card["sha256"] == pcsa_jax.load_generator(exported).card["sha256"]


def changed(tensors, name, value):
    return tensors | {f"{PREFIX}{name}": value(tensors[f"{PREFIX}{name}"])}


def with_about(card, **changes):
    return card | {"trust": card["trust"] | {"about": card["trust"]["about"] | changes}}


DAMAGES = {
    "a changed tensor": (
        lambda tensors, card: (changed(tensors, "intervals.low", lambda a: a - 1), card),
        "other arrays than its card",
    ),
    "a missing tensor": (
        lambda tensors, card: ({n: a for n, a in tensors.items() if n != f"{PREFIX}norm.std"}, card),
        "other arrays than its card",
    ),
    "no entry of the card": (
        lambda tensors, card: (tensors, card | {"trust": None}),
        "arrays that its card does not name",
    ),
    "another hash": (
        lambda tensors, card: (tensors, card | {"trust": card["trust"] | {"sha256": "0" * 64}}),
        "other arrays",
    ),
    "no object": (lambda tensors, card: (tensors, card | {"trust": "yes"}), "damaged"),
    "nothing said": (
        lambda tensors, card: (tensors, card | {"trust": card["trust"] | {"about": None}}),
        "nothing said",
    ),
    "no norm described": (lambda tensors, card: (tensors, with_about(card, norm=None)), "damaged"),
    "another grid": (lambda tensors, card: with_hash(without(tensors) | eight(), card), "arrays of"),
    "numbers of another version": (
        lambda tensors, card: with_hash(changed(tensors, "familiarity.middle", lambda a: a[:-1]), card),
        "another version's numbers of a map, 13 in place of 14",
    ),
}


def without(tensors):
    """The generator alone."""
    return {name: array for name, array in tensors.items() if not name.startswith(PREFIX)}


def eight():
    """Intervals of a grid of 8^3."""
    zeros = np.zeros((8, 8, 8), np.float32)
    arrays = dict.fromkeys(("low", "high", "spread"), zeros) | {
        "regional": np.zeros((24, 0), np.float32), "count": np.array([24], np.float32),
    }  # fmt: skip
    return {f"{PREFIX}intervals.{name}": array for name, array in arrays.items()}


def with_hash(tensors, card):
    own = {name.removeprefix(PREFIX): array for name, array in tensors.items() if name.startswith(PREFIX)}
    about = card["trust"]["about"] | ({} if "familiarity.middle" in own else {"regional_values": []})
    return tensors, card | {"trust": {"about": about, "sha256": content_hash(own)}}


@pytest.mark.parametrize("damage", DAMAGES)
def test_statistics_that_are_not_what_the_card_says_are_refused(trusted, tmp_path, damage):
    damaging, message = DAMAGES[damage]
    file = write(tmp_path / "x.safetensors", *damaging(*content(trusted)))
    with pytest.raises(UserError, match=message) as told:
        pcsa_jax.load_generator(file)
    text = str(told.value)
    assert text.startswith(f"{file}: expected an exported generator, found trust statistics that are damaged (")
    assert text.endswith(". Export again.") and "\n" not in text


def test_a_file_of_the_format_before_opens_without_statistics(exported, path, tmp_path):
    tensors, card = content(exported)
    del card["trust"]
    file = write(tmp_path / "x.safetensors", tensors, card | {"format": "pcsa_jax generator 3"})
    former = pcsa_jax.load_generator(file)
    assert len(former.trust.missing()) == 4
    np.testing.assert_array_equal(former(path).dataobj, pcsa_jax.load_generator(exported)(path).dataobj)
