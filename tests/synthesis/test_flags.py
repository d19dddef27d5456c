"""Whatever has to be known before looking is told, the worst first."""

import pytest

from pcsa_jax.synthesis.flags import BAD, NOTICE, find_flags, find_limit

SOUND = {
    "Phantom": False, "Generators": [{"TrainedOnPhantom": False}], "SeenInTraining": "none", "Units": "SUVR",
    "Familiarity": {"Verdict": "as trained"},
}  # fmt: skip


def test_of_a_sound_one_there_is_nothing_to_tell():
    assert find_flags(SOUND) == []


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"Phantom": True}, BAD, "The MRI is a PHANTOM's"),
        ({"Generators": [{"TrainedOnPhantom": False}, {"TrainedOnPhantom": True}]}, BAD, "trained on a PHANTOM"),
        ({"SeenInTraining": "train"}, BAD, "Training has read this very map"),
        ({"SeenInTraining": "validation"}, NOTICE, "by which the generator was chosen"),
        ({"SeenInTraining": "unknown"}, NOTICE, "Whether training has read this map is not known"),
        ({"Units": "arbitrary"}, NOTICE, "no SUVR"),
        ({"Familiarity": {"Verdict": "outside"}}, BAD, "OUTSIDE of what the generator was trained on"),
        ({"Familiarity": {"Verdict": "unusual"}}, NOTICE, "unusual"),
        ({"Familiarity": None}, NOTICE, "is not known. python -m pcsa_jax calibrate"),
    ],
)
def test_what_is_not_as_it_looks_is_flagged(change, level, words):
    ((found, text, _),) = find_flags(SOUND | change)
    assert found == level and words in text


def test_the_worst_come_first_and_an_empty_sidecar_flags_what_it_lacks():
    flags = find_flags(SOUND | {"Units": "arbitrary", "SeenInTraining": "unknown", "Phantom": True})
    assert [flag.level for flag in flags] == [BAD, NOTICE, NOTICE]
    assert {flag.level for flag in find_flags({})} == {NOTICE} and len(find_flags({})) == 3


def test_why_a_brain_is_odd_is_told_apart_from_what_follows():
    found = {"Verdict": "outside", "Reasons": ["volume 1 ml", "extent 2 mm"]}
    (flag,) = find_flags(SOUND | {"Familiarity": found})
    assert flag.text.endswith("cannot be relied on.") and flag.detail == "Volume 1 ml; extent 2 mm."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"Familiarity": None}, ""),
        ({"Familiarity": {"Verdict": "outside"}}, "outside of them: it promises nothing here"),
        ({"Familiarity": {"Verdict": "unusual"}}, "unusual among them: it may not hold here"),
        ({"Generators": [{"TrainedOnPhantom": True}]}, "Fitted on phantoms: it promises nothing for a person"),
        ({"Generators": [{"TrainedOnPhantom": True}], "Phantom": True}, ""),
    ],
)
def test_intervals_and_norm_promise_nothing_for_other_brains(change, words):
    found = find_limit(SOUND | change)
    assert words in found and bool(found) == bool(words)
