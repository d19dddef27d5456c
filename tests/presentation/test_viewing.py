"""Readers choose among what there is."""

import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.presentation.viewing import COLOURS, CONVENTIONS, USUAL, Viewing, choose_pages, choose_viewing


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


def test_a_choice_that_nothing_follows_is_told():
    assert choose_pages("neurological", "hot", are_wanted=False) is None
    assert choose_pages("radiological", "hot", are_wanted=True) == Viewing("radiological", "hot")
    with pytest.raises(
        UserError, match=r"expected pages, which they are of, found none \(radiological, hot\). Add --pages"
    ):
        choose_pages("radiological", "hot", are_wanted=False)
