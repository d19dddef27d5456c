"""Maps like the training maps are as trained; what is done to them is found, and named."""

import re

import numpy as np
import pytest
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.trust.familiarity import (
    AS_TRAINED,
    LABELS,
    MIN_PEOPLE,
    OUTSIDE_VERDICT,
    Familiarity,
    explain,
)

SIZE = 16


def heads(count, seed):
    """Smooth shells of slightly different size, place and amount, min-max normalised."""
    rng = np.random.default_rng(seed)
    axes = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    volumes = []
    for _ in range(count):
        centre, radius = rng.normal(0, 0.15, (3, 1, 1, 1)), 4.5 + rng.normal(0, 0.15)
        distance = np.sqrt(((axes - centre) ** 2).sum(axis=0))
        noise = ndimage.gaussian_filter(rng.normal(0, 1, (SIZE,) * 3), 1.5)
        volume = np.clip(np.exp(-((distance - radius) ** 2) / 4) * (1 + 0.3 * noise) - 0.02, 0, None)
        volumes.append((volume - volume.min()) / (volume.max() - volume.min()))
    return np.array(volumes, np.float32)


@pytest.fixture(scope="module")
def fitted():
    return Familiarity.fit(heads(60, seed=0))


def test_new_maps_of_the_kind_are_mostly_as_trained(fitted):
    verdicts = [fitted.assess(volume).verdict for volume in heads(60, seed=1)]
    assert verdicts.count(AS_TRAINED) >= 50
    assert verdicts.count(OUTSIDE_VERDICT) == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: np.roll(v, 3, axis=1), "residual"),
        (lambda v: np.where(np.arange(SIZE) < 6, 0, v), "empty"),
        (lambda v: ndimage.gaussian_filter(v, 1.5), "smoothness"),
        (lambda v: np.random.default_rng(0).random(v.shape), "outside"),
    ],
)
def test_what_is_wrong_is_outside_and_named(fitted, change, expected):
    volume = change(heads(1, seed=2)[0]).astype(np.float32)
    found = fitted.assess((volume - volume.min()) / (volume.max() - volume.min()))
    assert found.verdict == OUTSIDE_VERDICT
    assert found.percentile == 100
    assert expected in [finding.name for finding in found.findings if finding.oddity > 2]
    assert LABELS[found.reasons[0].name] in explain(found.reasons[0])
    assert found.describe()["Reasons"]


def test_a_hole_is_found_although_the_rest_is_as_it_was(fitted):
    volume = heads(1, seed=3)[0]
    before = fitted.assess(volume)
    volume[11:14, 6:10, 6:10] *= 0.6
    after = fitted.assess(volume)
    assert before.verdict == AS_TRAINED
    assert before.reasons == ()
    assert after.verdict != AS_TRAINED
    (local,) = (finding for finding in after.reasons if finding.name == "local")
    assert "less grey matter than theirs" in explain(local)
    place = [int(number.replace("−", "-")) for number in re.findall(r"[+−]?\d+(?=[,)])", local.place)]
    affine = Grid(SIZE).affine
    middle = affine[:3, :3] @ [12, 7.5, 7.5] + affine[:3, 3]
    assert np.abs(np.array(place) - middle).max() <= 2 * affine[0, 0], "where the hole is"


def test_limits_are_those_of_95_of_100_training_maps(fitted):
    rank = int(np.ceil(0.95 * 61))
    assert fitted.usual == fitted.oddities[rank - 1]
    middle = fitted.assess(heads(1, seed=1)[0])
    assert all(finding.low <= finding.high for finding in middle.findings)
    assert {finding.name for finding in middle.findings} == set(LABELS)


def test_the_order_of_the_training_maps_does_not_matter(fitted):
    volumes = heads(60, seed=0)[::-1]
    again = Familiarity.fit(np.ascontiguousarray(volumes))
    one, other = (which.assess(heads(1, seed=5)[0]) for which in (fitted, again))
    assert one.verdict == other.verdict
    np.testing.assert_allclose(one.oddity, other.oddity, rtol=1e-3)


def test_training_maps_that_are_all_the_same_know_that_map_alone():
    """Nothing is divided by zero, and directions of rounding error are no components."""
    one = heads(1, seed=0)[0]
    same = Familiarity.fit(np.repeat(one[None], 30, axis=0))
    assert same.usual == 1 and len(same.subspace.spread) == 0
    assert same.assess(one).verdict == AS_TRAINED and same.assess(one).oddity == pytest.approx(0, abs=0.2)
    assert same.assess(one[::-1].copy()).verdict == OUTSIDE_VERDICT


def test_too_few_maps_say_nothing():
    assert Familiarity.fit(heads(MIN_PEOPLE - 1, seed=0)) is None
    assert Familiarity.fit(heads(MIN_PEOPLE, seed=0)) is not None


def test_another_grid_is_refused(fitted):
    with pytest.raises(ValueError, match=r"map: expected shape \(16, 16, 16\), found \(8, 8, 8\)"):
        fitted.assess(np.zeros((8, 8, 8), np.float32))


def test_an_empty_map_is_outside_and_no_warning(fitted):
    found = fitted.assess(np.zeros((SIZE,) * 3, np.float32))
    assert found.verdict == OUTSIDE_VERDICT
    assert all(np.isfinite(finding.oddity) for finding in found.findings)
