"""Splits: everyone in one part, proportions kept, folds a partition, and no leak through an edited file."""

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pcsa_jax.data.splits import SPLITS, UNUSED, check_splits, make_splits, read_splits, write_splits
from pcsa_jax.errors import UserError


@st.composite
def cases(draw):
    """Diagnoses of a cohort, a number of folds, a validation fraction and a seed."""
    counts = draw(st.integers(4, 60)), draw(st.integers(4, 60))
    diagnoses = {f"sub-{d}{n:03d}": d for d, count in zip(("AD", "CN"), counts, strict=True) for n in range(count)}
    num_folds, fraction = draw(st.integers(2, 6)), draw(st.floats(0.15, 0.4))
    # A part may round to nobody in tiny cohorts; that has a test of its own.
    assume(min(counts) >= num_folds and fraction * (min(counts) - min(counts) // num_folds - 1) > 0.5)
    return diagnoses, num_folds, fraction, draw(st.integers(0, 2**31))


def folds_of(case):
    diagnoses, num_folds, fraction, seed = case
    return [
        make_splits(diagnoses, fold=fold, num_folds=num_folds, validation_fraction=fraction, seed=seed)
        for fold in range(num_folds)
    ]


def members(splits, part):
    return {person for person, split in splits.items() if split == part}


@given(cases())
def test_everyone_is_in_one_part_and_the_parts_keep_the_order(case):
    diagnoses = case[0]
    for splits in folds_of(case):
        assert list(splits) == list(diagnoses)
        assert set(splits.values()) == set(SPLITS)


@given(cases())
def test_everyone_is_tested_in_one_fold(case):
    tested = Counter(person for splits in folds_of(case) for person in members(splits, "test"))
    assert tested == Counter(list(case[0]))


@given(cases())
def test_folds_are_stratified_within_one_person(case):
    diagnoses = case[0]
    tested = [Counter(diagnoses[person] for person in members(splits, "test")) for splits in folds_of(case)]
    for diagnosis in ("AD", "CN"):
        counts = [fold[diagnosis] for fold in tested]
        assert max(counts) - min(counts) <= 1
    totals = [fold.total() for fold in tested]
    assert max(totals) - min(totals) <= 1


@given(cases())
def test_validation_is_stratified(case):
    diagnoses, _, fraction, _ = case
    for splits in folds_of(case):
        for diagnosis in ("AD", "CN"):
            own = Counter(split for person, split in splits.items() if diagnoses[person] == diagnosis)
            assert abs(own["validation"] - fraction * (own["train"] + own["validation"])) <= 0.5 + 1e-9


@given(cases())
def test_the_order_of_the_table_does_not_matter(case):
    diagnoses, *rest = case
    assert folds_of((dict(reversed(diagnoses.items())), *rest))[0] == folds_of(case)[0]


def test_the_seed_matters():
    diagnoses = {f"sub-{n:02d}": "AD" if n % 2 else "CN" for n in range(40)}
    found = {
        frozenset(members(make_splits(diagnoses, fold=0, num_folds=4, validation_fraction=0.2, seed=seed), "test"))
        for seed in range(10)
    }
    assert len(found) == 10


@given(cases(), st.data())
def test_fewer_training_participants_are_nested_stratified_and_change_no_other_part(case, data):
    diagnoses, num_folds, fraction, seed = case
    whole = folds_of(case)[0]
    trained = members(whole, "train")
    numbers = sorted(data.draw(st.lists(st.integers(1, len(trained)), min_size=2, max_size=2)))
    former = set()
    for number in numbers:
        splits = make_splits(
            diagnoses, fold=0, num_folds=num_folds, validation_fraction=fraction, seed=seed, train_participants=number
        )
        kept = members(splits, "train")
        assert len(kept) == number and former <= kept
        assert kept | members(splits, UNUSED) == trained and list(splits) == list(diagnoses)
        assert all(members(splits, part) == members(whole, part) for part in ("validation", "test"))
        for diagnosis in ("AD", "CN"):
            share = sum(diagnoses[person] == diagnosis for person in trained) / len(trained)
            assert abs(sum(diagnoses[person] == diagnosis for person in kept) - share * number) <= 1
        former = kept


def test_more_training_participants_than_there_are():
    diagnoses = {f"sub-{n:02d}": "AD" if n % 2 else "CN" for n in range(20)}
    with pytest.raises(UserError) as caught:
        make_splits(diagnoses, fold=1, num_folds=4, validation_fraction=0.2, seed=0, train_participants=14)
    assert str(caught.value) == (
        "config.data.train_subjects: expected at most 12, the participants of the training part of fold 1, found 14. 0 "
        "takes all."
    )


def test_too_few_participants_for_the_folds():
    with pytest.raises(UserError) as caught:
        make_splits({"sub-1": "AD", "sub-2": "CN"}, fold=0, num_folds=5, validation_fraction=0.2, seed=0)
    assert str(caught.value) == (
        "split: expected at least 5 participants for 5 folds, found 2. Set --config.data.num_folds lower."
    )


def test_a_part_without_participants():
    with pytest.raises(UserError) as caught:
        make_splits({f"sub-{n}": "AD" for n in range(5)}, fold=0, num_folds=5, validation_fraction=0.1, seed=0)
    assert str(caught.value) == (
        "split: expected participants in every part, found none in validation (5 participants, 5 folds, validation "
        "fraction 0.1). Use more people or fewer folds."
    )


def test_a_file_gives_back_what_was_written(tmp_path):
    splits = {"sub-2": "test", "sub-1": "train", "sub-3": "validation", "sub-4": "unused"}
    path = tmp_path / "splits.tsv"
    write_splits(path, splits)
    assert path.read_text() == ("participant_id\tsplit\nsub-2\ttest\nsub-1\ttrain\nsub-3\tvalidation\nsub-4\tunused\n")
    assert list(read_splits(path).items()) == list(splits.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("person\tsplit\n", "expected the columns participant_id and split, found ['person', 'split']. Restore it."),
        ("", "expected the columns participant_id and split, found None. Restore it."),
        (
            "participant_id\tsplit\nsub-1\tdev\n",
            "line 2: sub-1 has split 'dev', expected one of train, validation, test, unused.",
        ),
        (
            "participant_id\tsplit\nsub-1\n",
            "line 2: sub-1 has split None, expected one of train, validation, test, unused.",
        ),
        (
            "participant_id\tsplit\nsub-1\ttrain\nsub-2\ttest\nsub-1\ttest\n",
            "line 4: sub-1 is in train and in test, expected one part. A person in two parts makes every test score "
            "worthless; restore the file.",
        ),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, message):
    path = tmp_path / "splits.tsv"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_splits(path)
    assert str(caught.value) in (f"{path}: {message}", f"{path} {message}")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="expected the run's splits, found no file. Restore it or start a new run"):
        read_splits(tmp_path / "splits.tsv")


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (("sub-1", "sub-2"), "expected the cohort's 2 participants, found 3 (1 differ, first sub-3)"),
        (("sub-1", "sub-2", "sub-3", "sub-4"), "expected the cohort's 4 participants, found 3 (1 differ, first sub-4)"),
        (("sub-1", "sub-2", "sub-9"), "expected the cohort's 3 participants, found 3 (2 differ, first sub-3)"),
    ],
)
def test_another_cohort_is_told(tmp_path, known, found):
    splits = {"sub-1": "train", "sub-2": "test", "sub-3": "validation"}
    check_splits(splits, ["sub-3", "sub-2", "sub-1"], source=tmp_path)
    with pytest.raises(UserError) as caught:
        check_splits(splits, known, source=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: {found}. This run was made with another cohort: use its cohort or another --workdir."
    )
