"""The table of probabilities as arrays, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.studies.classification.lines import label_of, read_lines
from tests.studies.classification.fake_probabilities import DROP_IN, fake_probabilities, table

IS_AD = [True, True, False, False]


def test_every_subject_with_its_own_folds_threshold():
    probability = [0.6, 0.6, 0.6, 0.6]
    line = read_lines(table(probability, IS_AD, folds=[0, 1, 0, 1], threshold=[0.5, 0.7, 0.5, 0.7]))["pairs"][
        "mri", "none"
    ]
    assert line.models == ((0, 0), (0, 1))
    assert line.scored.tolist() == [[True, False, True, False], [False, True, False, True]]
    assert line.called_ad.any(axis=0).tolist() == [True, False, True, False]
    assert line.pools == [[0, 1]]


def test_threshold_itself_is_called_ad():
    line = read_lines(table([0.5, 0.4999, 0.5001, 0.0], IS_AD, threshold=0.5))["pairs"]["mri", "none"]
    assert line.called_ad.tolist() == [[True, False, True, False]]


def test_sessions_are_averaged():
    first = table([0.2, 0.4, 0.1, 0.3], IS_AD)
    second = table([0.8, 0.6, 0.3, 0.5], IS_AD).assign(session_id="ses-2")
    line = read_lines(pd.concat([first, second]))["pairs"]["mri", "none"]
    np.testing.assert_allclose(line.probability, [[0.5, 0.5, 0.2, 0.4]])


def test_who_converted_counts_once_in_each_diagnosis():
    rows = pd.concat(
        [table([0.2] * 4, IS_AD), table([0.9], [True]).assign(participant_id="sub-003", session_id="ses-2")]
    )
    line = read_lines(rows)["pairs"]["mri", "none"]
    assert line.people[-2:] == (("sub-003", "AD"), ("sub-003", "CN"))
    assert line.is_ad.sum() == 3


def test_labels():
    assert label_of(("mri+real_pet", "real")) == "MRI + real PET"
    assert label_of(DROP_IN) == "MRI + real PET, given synthetic PET"


def test_parts_and_order_of_lines():
    parts = read_lines(fake_probabilities(pairs=18, mri_only=9).sample(frac=1, random_state=0))
    assert list(parts) == ["pairs", "mri_only"]
    assert [arm for arm, _ in parts["pairs"]] == [
        "mri", "mri+real_pet", "mri+real_pet", "mri+synthetic_pet", "mri+mean_pet", "mri+mri",
    ]  # fmt: skip
    assert ("mri+real_pet", "real") not in parts["mri_only"]
    assert parts["mri_only"]["mri", "none"].pools == [[0], [1], [2]]


def changed(column, value, row=0):
    rows = table([0.6] * 4, IS_AD)
    rows.loc[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table([], []), "found none. Score the classifiers first."),
        (
            changed("probability", np.nan),
            r"mri, seed 0, fold 0, sub-000: expected a probability in \[0, 1\], found nan",
        ),
        (changed("probability", 1.5), "found 1.5"),
        (changed("diagnosis", "MCI"), "expected diagnosis to be one of AD, CN, found 'MCI'"),
        (changed("arm", "pet"), "expected arm to be one of mri, mri.real_pet, .* found 'pet'"),
        (
            pd.concat([table([0.6] * 4, IS_AD)] * 2),
            "sub-000 ses-1, arm mri given none: expected one line .* found several",
        ),
        (changed("seed", 1, row=3), "seed 0: expected sub-003 to be scored once by one fold, found 0 times"),
        (
            pd.concat([table([0.6] * 4, IS_AD), table([0.6] * 3, IS_AD[:3], arm="mri+mri")]),
            r"MRI \+ MRI, held-out pairs: expected the subjects, .* MRI only \(4 subjects, .*, found others \(3",
        ),
    ],
)
def test_refused(rows, message):
    with pytest.raises(UserError, match=message):
        read_lines(rows)


def test_subject_held_out_by_two_folds_is_refused():
    rows = pd.concat([table([0.6] * 4, IS_AD), table([0.6], [True]).assign(fold=1)])
    with pytest.raises(UserError, match="sub-000 to be scored once by one fold, found 2 times"):
        read_lines(rows)
