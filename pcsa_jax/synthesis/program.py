"""The one program from a generator's tensors and normalised maps to PET: of a run, of a file, and in a file."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
from jax import lax
from jaxtyping import Array, Float

from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.experiment.build import PRECISIONS, Experiment, build_generator
from pcsa_jax.experiment.config import tupled
from pcsa_jax.experiment.fields import PAPER_RECIPE
from pcsa_jax.model.step import generate
from pcsa_jax.synthesis.closed_form import known_of, part_of

PRIOR = "prior"
"""Before the names of the arrays of closed-form predictors, beside the network's parameters."""

Tensors = Mapping[str, Array]
"""``{"bottleneck.kernel": array, "prior.ridge.slope": array}``, as an exported file has them."""


@dataclasses.dataclass(frozen=True)
class Program:
    """What is the same for all generators of one architecture, whatever their tensors.

    Attributes:
      module: the network.
      dtype: precision of its arithmetic.
      views: see :func:`pcsa_jax.model.step.generate`.
      predictors: of the prior that it starts from, in order; none for a generator that sees the map alone.
      deviations: whether they are followed by deviations.
    """

    module: nn.Module
    dtype: Any
    views: int = 1
    predictors: tuple[str, ...] = ()
    deviations: bool = False

    @classmethod
    def of(cls, experiment: Experiment, prior: Prior | None = None) -> "Program":
        """The program of an experiment's generator and what it is given beside the map."""
        module, dtype, views = experiment.modules.generator, experiment.dtype, experiment.views
        if prior is None:
            return cls(module, dtype, views)
        return cls(module, dtype, views, tuple(prior.predictors), prior.deviations is not None)

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "Program":
        """The program that a generator's card describes."""
        recipe = tupled(card.get("recipe", PAPER_RECIPE))
        module = build_generator(card["system"], tupled(card["generator"]), recipe, card["normalisation"]["pet"])
        precision = PRECISIONS[card["training"]["config"]["precision"]]
        return cls(module, precision, recipe["views"], tuple(recipe["channels"]), recipe["deviations"])

    def __call__(self, tensors: Tensors, mri: Float[Array, "b x y z"]) -> Float[Array, "b x y z"]:
        """PET in [0, 1], float32, of normalised maps.

        One map after the other: a map's PET does not depend, to the last bit, on which others are made with it.
        """
        params = nested({name: array for name, array in tensors.items() if not name.startswith(f"{PRIOR}.")})
        one = functools.partial(self._one, params, part_of(tensors, PRIOR))
        return lax.map(one, mri)

    def _one(self, params: Any, prior: Mapping[str, Array], gm: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        known = known_of(prior, self.predictors, gm, deviations=self.deviations)[None] if self.predictors else None
        volume = gm[None, ..., None].astype(self.dtype)
        return generate(self.module, params, volume, known, views=self.views)[0, ..., 0]


def nested(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The network's parameters as the tree that it takes."""
    params: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *groups, leaf = name.split(".")
        node = params
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = tensor
    return params


def named(params: Any) -> dict[str, Any]:
    """``{"bottleneck.kernel": array}``, sorted by name: the inverse of :func:`nested`."""
    leaves = jax.tree.leaves_with_path(params)
    found = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
    return dict(sorted(found.items()))


def with_prior(params: Any, prior: Prior | None) -> dict[str, Any]:
    """All tensors of a generator, those of its network first."""
    arrays = {} if prior is None else {f"{PRIOR}.{name}": array for name, array in prior.arrays().items()}
    return named(params) | arrays
