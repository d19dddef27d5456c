"""Readers choose among what there is."""

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.presentation.viewing import COLOURS, CONVENTIONS, USUAL, Viewing, choose_viewing


def test_every_choice_is_one():
    for convention in CONVENTIONS:
        for colours in COLOURS:
            assert choose_viewing(convention, colours) == Viewing(convention, colours)
    assert choose_viewing("neurological", "hot") == USUAL and USUAL.describe() == "neurological, hot"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("left", "hot"), "convention: expected neurological or radiological, found 'left'"),
        (("neurological", "jet"), "colours: expected hot or grey, found 'jet'"),
    ],
)
def test_any_other_is_told(words, message):
    with pytest.raises(UserError, match=message):
        choose_viewing(*words)
