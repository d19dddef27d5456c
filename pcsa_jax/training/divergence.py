"""Which network's fault a loss is that is not finite, told from the scalars of the step at which it shows first."""

import math
from collections.abc import Mapping

ADVERSARIAL = "generator/adversarial"
OF_BOTH = ("generator/total", "generator/gradient_norm")
"""Not finite whichever network has failed."""


def find_culprit(row: Mapping[str, float]) -> str | None:
    """The scalar (``net/term``) that shows which network has failed; None if all are finite.

    Every step is looked at, so both networks' parameters were finite before this one. The discriminator is updated
    first, on the generator's output, then the generator against the updated discriminator. So

    1. where the output or a term that compares it with the PET is not finite, the generator has failed: the
       discriminator saw that output;
    2. where the discriminator's own scalars or the adversarial term, its answer after its update, are not finite, it
       has;
    3. what is left is the generator's gradient or sum.
    """
    bad = [name for name, value in row.items() if not math.isfinite(value)]
    of_output = [name for name in bad if name.startswith("generator/") and name not in (*OF_BOTH, ADVERSARIAL)]
    of_discriminator = [name for name in bad if name.startswith("discriminator/")]
    adversarial = [name for name in bad if name == ADVERSARIAL]
    return next(iter((*of_output, *of_discriminator, *adversarial, *bad)), None)


def network_of(name: str) -> str:
    """The network to which the scalar ``name`` points: the adversarial term is the discriminator's answer."""
    return "discriminator" if name == ADVERSARIAL else name.partition("/")[0]
