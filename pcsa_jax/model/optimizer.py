"""Adam with a learning-rate schedule, from plain numbers that a compiled step takes as values."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int


class Schedule(NamedTuple):
    """A learning rate over the steps of a training: half a cosine from each knot to the next, then constant.

    The three of :data:`SCHEDULES` differ in their knots alone, so one program serves all of them, of any length.

    Attributes:
      steps: of the knots, ascending from 0.
      rates: at the knots.
    """

    steps: Int[Array, " 3"]
    rates: Float[Array, " 3"]

    def __call__(self, count: Int[Array, ""]) -> Float[Array, ""]:
        """The rate of the step after ``count`` others; equal to optax's schedule of the same name to rounding."""
        (first, later), (start, end) = ((knots[:-1], knots[1:]) for knots in self)
        part = (count - first) / jnp.maximum(later - first, 1)
        rates = end + (start - end) / 2 * (jnp.cos(jnp.pi * part) + 1)
        inside = (first <= count) & (count < later)
        return jnp.where(inside, rates, 0).sum() + jnp.where(later[-1] <= count, end[-1], 0)


def _knots(steps: tuple[int, int, int], rates: tuple[float, float, float]) -> Schedule:
    return Schedule(np.asarray(steps, np.int32), np.asarray(rates, np.float32))


SCHEDULES: dict[str, Callable[[float, int], Schedule]] = {
    "constant": lambda rate, num_steps: _knots((0, num_steps, num_steps), (rate, rate, rate)),
    "cosine": lambda rate, num_steps: _knots((0, num_steps, num_steps), (rate, 0.0, 0.0)),
    # From a tenth of the peak to the peak after a fifth of the steps, then down to a thousandth of it.
    "one_cycle": lambda rate, num_steps: _knots((0, int(0.2 * num_steps), num_steps), (rate / 10, rate, rate / 1000)),
}
"""(learning rate or its peak, number of steps) -> schedule. The paper's is constant; one_cycle serves short budgets."""


class Adam(NamedTuple):
    """An optimiser that is a tree of numbers, to be given to a compiled step as an argument.

    optax closes over its numbers, which makes them constants of the program: another length of the training or another
    learning rate would then be another program. What is None is not part of the program at all.

    Attributes:
      schedule: the learning rate.
      b1, b2: decay of the first and second moment estimates.
      gradient_clip: largest global norm of the gradient, or None.
      weight_decay: part of every parameter that a step at learning rate 1 takes away (AdamW), or None.
    """

    schedule: Schedule
    b1: Float[Array, ""]
    b2: Float[Array, ""]
    gradient_clip: Float[Array, ""] | None
    weight_decay: Float[Array, ""] | None

    def init(self, params: Any) -> Any:
        """The state before the first update, of optax's types; nothing is computed, as all of it starts at 0."""
        shapes = jax.eval_shape(self._transformation().init, params)
        return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)

    def update(self, gradient: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """What is to be added to ``params``, and the next state."""
        return self._transformation().update(gradient, state, params)

    def _transformation(self) -> optax.GradientTransformation:
        clip = optax.identity() if self.gradient_clip is None else optax.clip_by_global_norm(self.gradient_clip)
        if self.weight_decay is None:
            update = optax.adam(self.schedule, b1=self.b1, b2=self.b2)
        else:
            update = optax.adamw(self.schedule, b1=self.b1, b2=self.b2, weight_decay=self.weight_decay)
        # One update of one long vector: an update of each of some forty arrays takes XLA seconds longer to compile.
        return optax.flatten(optax.chain(clip, update))


def adam(
    *,
    learning_rate: float,
    b1: float,
    b2: float,
    schedule: str,
    gradient_clip: float,
    num_steps: int,
    weight_decay: float = 0.0,
) -> Adam:
    """Adam as in section 4.2; used like an ``optax.GradientTransformation``.

    Deviation: gradients may be clipped to a global norm; the paper does not say so, 0 turns it off.

    Args:
      learning_rate: the constant rate, or the peak of the schedule.
      b1, b2: decay of the first and second moment estimates.
      schedule: key of :data:`SCHEDULES`.
      gradient_clip: largest global norm of the gradient; 0 for none.
      num_steps: length of the schedule in steps.
      weight_decay: part of every parameter that a step at learning rate 1 takes away (AdamW); 0 for none.
    """
    return Adam(
        SCHEDULES[schedule](learning_rate, max(num_steps, 2)),
        np.float32(b1),
        np.float32(b2),
        np.float32(gradient_clip) if gradient_clip else None,
        np.float32(weight_decay) if weight_decay else None,
    )
