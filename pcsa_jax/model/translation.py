"""What a system's generator makes of a batch: all in which systems with one and with two generators differ."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
from jaxtyping import Array, Float

Volumes = Float[Array, "b x y z 1"]


class Translation(NamedTuple):
    """The volumes of a batch as the generator sees them; all in the precision of its arithmetic.

    Attributes:
      mri: beside which D judges ``pet``: the real one, or with two generators the one made of the real PET.
      pet: made of the real MRI.
      cycled: with two generators, (MRI, PET) made back from the generated PET and MRI; None with one.
    """

    mri: Volumes
    pet: Volumes
    cycled: tuple[Volumes, Volumes] | None


Known = Float[Array, "b x y z k"]
"""Closed-form predictions of the PET, which some generators are given beside the MRI; always float32."""

Translate = Callable[[nn.Module, Any, Volumes, Volumes, Known | None], Translation]
"""(generator, its parameters, real MRI, real PET, what is known or None) -> what it makes of them."""


def one_way(generator: nn.Module, params: Any, mri: Volumes, pet: Volumes, known: Known | None = None) -> Translation:
    """MRI, and what is known beside it, to PET; the real PET is not looked at."""
    given = (mri,) if known is None else (mri, known)
    return Translation(mri, generator.apply({"params": params}, *given), None)


def both_ways(generator: nn.Module, params: Any, mri: Volumes, pet: Volumes, known: Known | None = None) -> Translation:
    """MRI to PET, PET to MRI, and each of them back.

    Source: Zhu et al. 2017 (cycle consistency); Pan et al., IEEE TMI 2020 (HGAN).

    Args:
      generator: a module with ``__call__(mri) -> pet`` and ``mri_of(pet) -> mri``.
      params: of both directions.
      mri, pet: of the same subjects.
      known: None; there is nothing like it for the way back.

    Raises:
      ValueError: if there is any.
    """
    if known is not None:
        raise ValueError("both_ways: expected no predictions beside the MRI, found some. Use a system with one way.")

    def forward(volumes: Volumes) -> Volumes:
        return generator.apply({"params": params}, volumes)

    def backward(volumes: Volumes) -> Volumes:
        return generator.apply({"params": params}, volumes, method="mri_of")

    fake_pet, fake_mri = forward(mri), backward(pet)
    # The last layer works in float32 whatever it is given; the way back starts in the arithmetic's precision again.
    return Translation(fake_mri, fake_pet, (backward(fake_pet.astype(mri.dtype)), forward(fake_mri.astype(mri.dtype))))
