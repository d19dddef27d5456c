"""What a training notices of itself: states in which it goes on without a fault and is worth nothing.

Thresholds and their reasons: docs/training.md.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.spread import BETWEEN, WITHIN, Spread, judge_spread, spread_of

PERFECT_EPOCHS = 5
"""Epochs without one wrong answer after which the discriminator is said to be perfect."""

PERFECT_VOLUMES = 300
"""Answers that these epochs hold at least: with one wrong in a hundred, 300 right ones are 5 % likely."""

ALMOST_ONE = 1 - 1e-6
EVALUATIONS = 2
"""In a row without spread; at the end of a training one is enough."""

LONG = 0.75
"""Part of the planned steps over which a score may stay behind the mean PET's: a schedule gains most in the last."""

PERFECT, BEHIND = "discriminator_is_perfect", "behind_the_mean_pet"
ACCURACIES = ("discriminator/real_accuracy", "discriminator/fake_accuracy")

_REMEDIES = {
    PERFECT: "its gradient tells the generator little. Lower discriminator_optimizer.learning_rate or loss.adversarial",
    BEHIND: "Train longer, change generator_optimizer.learning_rate, or take the row best",
}
_COLLAPSED = "Look at metrics.jsonl; train again with another learning rate or more weight on loss.l1"


class Event(NamedTuple):
    """One thing that a training has noticed.

    Attributes:
      step: after which it was noticed.
      kind: a word for programs.
      text: one line for people: what was expected, what was found, what to do.
    """

    step: int
    kind: str
    text: str


class Yardstick(NamedTuple):
    """What needs no network, from the data of a training.

    Attributes:
      score: validation score of the mean PET, of the kind that chooses the best checkpoint.
      spread: of the real PET of the validation subjects, at the voxels that the validation samples.
      brain: those voxels inside the brain, in the shape of the samples.
    """

    score: float
    spread: Spread
    brain: np.ndarray


class Watch:
    """Looks at every step and every validation of one training; says a thing once, and again if it went and came back.

    Args:
      steps_per_epoch, num_steps, batch_size: of the training.
      best: the validation score that chooses the best checkpoint; lower is better.
      yardstick: what to compare with; None for a training that has none.
      start: the step from which it goes on.
      memory: of the watch that saw the steps before, see :meth:`remember`.
    """

    def __init__(
        self,
        *,
        steps_per_epoch: int,
        num_steps: int,
        batch_size: int,
        best: str,
        yardstick: Yardstick | None,
        start: int = 0,
        memory: Mapping[str, Any] | None = None,
    ):
        memory = memory or {}
        self._steps_per_epoch, self._num_steps = steps_per_epoch, num_steps
        self._perfect_steps = max(PERFECT_EPOCHS * steps_per_epoch, math.ceil(PERFECT_VOLUMES / (2 * batch_size)))
        self._best, self._yardstick = best, yardstick
        self._ahead_at = memory.get("ahead_at", start)
        self._counts: Counter[str] = Counter(memory.get("counts", {}))
        self._told = set(memory.get("told", ()))

    def remember(self) -> dict[str, Any]:
        """Plain JSON values from which another watch goes on as this one would."""
        counts = {kind: count for kind, count in sorted(self._counts.items()) if count}
        return {"ahead_at": self._ahead_at, "counts": counts, "told": sorted(self._told)}

    def see_step(self, step: int, scalars: Mapping[str, float]) -> list[Event]:
        """Looks at the scalars of one training step; a training without a discriminator has none to look at."""
        if not all(name in scalars for name in ACCURACIES):
            return []
        is_perfect = min(scalars[name] for name in ACCURACIES) >= ALMOST_ONE
        count = self._count(PERFECT, is_perfect)
        text = (
            "expected a discriminator that is sometimes wrong, found none of its answers wrong, real and generated, in "
            f"{count / self._steps_per_epoch:.3g} epochs ({count} steps): {_REMEDIES[PERFECT]}"
        )
        return self._tell(step, PERFECT, text, count >= self._perfect_steps)

    def see_validation(self, step: int, scores: Mapping[str, float], samples: np.ndarray | None) -> list[Event]:
        """Looks at the scores of the validation subjects, and at ``samples`` (n, x, y, z) of what was made of them."""
        if self._yardstick is None:
            return []
        events = self._see_score(step, scores[self._best])
        return events if samples is None else [*events, *self._see_spread(step, samples)]

    def _see_score(self, step: int, score: float) -> list[Event]:
        mean_pet = self._yardstick.score
        if score <= mean_pet:
            self._ahead_at = step
        behind = step - self._ahead_at
        text = (
            f"expected a validation {self._best} below the mean PET's, {mean_pet:.4f}, found {score:.4f}, and none "
            f"below it in {behind} steps ({100 * behind / self._num_steps:.0f} % of the training). {_REMEDIES[BEHIND]}"
        )
        self._count(BEHIND, behind > 0)
        return self._tell(step, BEHIND, text, behind > 0 and behind >= LONG * self._num_steps)

    def _see_spread(self, step: int, samples: np.ndarray) -> list[Event]:
        lacking = judge_spread(spread_of(samples, self._yardstick.brain), self._yardstick.spread)
        needed = 1 if step >= self._num_steps else EVALUATIONS
        events = []
        for kind in (WITHIN, BETWEEN):
            count = self._count(kind, kind in lacking)
            events += self._tell(step, kind, f"{lacking.get(kind)}. {_COLLAPSED}", count >= needed)
        return events

    def _count(self, kind: str, holds: bool) -> int:
        """How often in a row it has held; where it does not, it may be told again."""
        self._counts[kind] = self._counts[kind] + 1 if holds else 0
        if not holds:
            self._told.discard(kind)
        return self._counts[kind]

    def _tell(self, step: int, kind: str, text: str, is_due: bool) -> list[Event]:
        if not is_due or kind in self._told:
            return []
        self._told.add(kind)
        return [Event(step, kind, f"{text}.")]
