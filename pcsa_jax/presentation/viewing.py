"""How a reader wants to see volumes: which side is left, and in which colours. Nothing heavy: commands offer these."""

from typing import NamedTuple

from pcsa_jax.errors import UserError


class Colours(NamedTuple):
    """A colour scale of uptake.

    Attributes:
      name: for print.
      cmap: Matplotlib's name of it.
      ink: of letters where there is no uptake.
      mark: of what is pointed out.
    """

    name: str
    cmap: str
    ink: str
    mark: str


CONVENTIONS = {
    "neurological": "left of the picture = the subject's left",
    "radiological": "left of the picture = the subject's RIGHT",
}
"""Name -> what it means for axial and coronal planes; sagittal planes look right (nose) and left, respectively."""

COLOURS = {
    "hot": Colours("hot metal", "hot", "#ffffff", "#4cc9f0"),
    "grey": Colours("inverted grey", "gray_r", "#1b1f24", "#0b6bcb"),
}
"""Nuclear medicine's two usual scales; in both, what is brightest (hot) or darkest (grey) has the highest uptake."""


class Viewing(NamedTuple):
    """A reader's choice: a key of :data:`CONVENTIONS` and one of :data:`COLOURS`."""

    convention: str = "neurological"
    colours: str = "hot"

    @property
    def is_radiological(self) -> bool:
        return self.convention == "radiological"

    def describe(self) -> str:
        """Both in words, as a sidecar keeps them."""
        return f"{self.convention}, {self.colours}"


USUAL = Viewing()
"""Where nobody chooses; neuroimaging's convention, as in all other figures."""


def choose_viewing(convention: str, colours: str) -> Viewing:
    """The reader's choice.

    Raises:
      UserError: if there is no such convention or colour scale.
    """
    for option, found, known in (("convention", convention, CONVENTIONS), ("colours", colours, COLOURS)):
        if found not in known:
            raise UserError(f"{option}: expected {' or '.join(known)}, found {found!r}. Choose one of them.")
    return Viewing(convention, colours)


def choose_pages(convention: str, colours: str, *, are_wanted: bool) -> Viewing | None:
    """The same for pages; None if none are wanted.

    Raises:
      UserError: also for a choice that nothing would follow.
    """
    viewing = choose_viewing(convention, colours)
    if not are_wanted and viewing != USUAL:
        raise UserError(
            f"convention, colours: expected pages, which they are of, found none ({viewing.describe()}). Add --pages."
        )
    return viewing if are_wanted else None
