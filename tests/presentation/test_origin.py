"""What a phantom's volumes are called, on every page and picture."""

import pytest

from pcsa_jax.presentation.origin import name_origin, phantom_mark, synthetic_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Real PET\n", "Simulated PET\n"),
        ("synthetic − real", "synthetic − simulated"),
        ("MRI + real PET, given synthetic PET", "MRI + simulated PET, given synthetic PET"),
        ("A measured PET adds to it; nobody's metabolism was measured.",
         "A simulated PET adds to it; nobody's metabolism was measured."),
        ("low in real", "low in simulated"),
        ("really, `mri+real_pet`, sub-real and reality", "really, `mri+real_pet`, sub-real and reality"),
    ],
)  # fmt: skip
def test_real_is_simulated_on_a_phantom_alone(text, expected):
    assert name_origin(text, is_phantom=True) == expected
    assert name_origin(text, is_phantom=False) == text


def test_a_title_begins_with_what_is_scored_or_what_was_trained_on():
    assert phantom_mark(is_phantom=True, trained_on_phantom=True) == "PHANTOM: "
    assert phantom_mark(is_phantom=True) == "PHANTOM: "
    assert phantom_mark(is_phantom=False, trained_on_phantom=True) == "PHANTOM-trained generator: "
    assert phantom_mark(is_phantom=False) == ""


@pytest.mark.parametrize(
    ("is_phantom", "trained", "models", "expected"),
    [(False, False, (), ""), (False, True, ("0123456789abcdef",), " · model 0123456789ab · trained on a PHANTOM"),
     (True, False, ("a" * 64, "b" * 64, "c"), " · model aaaaaaaaaaaa and 2 more · MRI of a PHANTOM")],
)  # fmt: skip
def test_the_line_of_a_picture_says_what_it_shows(is_phantom, trained, models, expected):
    line = synthetic_line(is_phantom=is_phantom, trained_on_phantom=trained, models=models)
    assert line == f"SYNTHETIC PET · not measured{expected}"
