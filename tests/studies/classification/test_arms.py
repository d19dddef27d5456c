"""The arms: what each is trained with and what it can be given where there is no real PET."""

from pcsa_jax.studies.classification.arms import ARMS


def test_every_arm():
    assert {name: (arm.branches, arm.trained_with, arm.scored_with) for name, arm in ARMS.items()} == {
        "mri": (("mri",), "none", ("none",)),
        "mri+real_pet": (("mri", "pet"), "real", ("real", "synthetic")),
        "mri+synthetic_pet": (("mri", "pet"), "synthetic", ("synthetic",)),
        "mri+mean_pet": (("mri", "pet"), "mean", ("mean",)),
        "mri+mri": (("mri", "pet"), "mri", ("mri",)),
    }


def test_what_was_trained_with_is_scored_with():
    assert all(arm.trained_with == arm.scored_with[0] for arm in ARMS.values())
