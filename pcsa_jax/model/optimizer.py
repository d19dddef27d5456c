"""Adam with a learning-rate schedule, from plain numbers."""

import optax

SCHEDULES = {
    "constant": lambda learning_rate, num_steps: optax.constant_schedule(learning_rate),
    "cosine": lambda learning_rate, num_steps: optax.cosine_decay_schedule(learning_rate, num_steps),
    "one_cycle": lambda learning_rate, num_steps: optax.cosine_onecycle_schedule(
        num_steps, learning_rate, pct_start=0.2, div_factor=10, final_div_factor=100
    ),
}
"""Learning rate as a function of the step. The paper's is constant; one_cycle serves short budgets."""


def adam(
    *,
    learning_rate: float,
    b1: float,
    b2: float,
    schedule: str,
    gradient_clip: float,
    num_steps: int,
    weight_decay: float = 0.0,
) -> optax.GradientTransformation:
    """Adam as in section 4.2.

    Deviation: gradients may be clipped to a global norm; the paper does not say so, 0 turns it off.

    Args:
      learning_rate: the constant rate, or the peak of the schedule.
      b1, b2: decay of the first and second moment estimates.
      schedule: key of :data:`SCHEDULES`.
      gradient_clip: largest global norm of the gradient; 0 for none.
      num_steps: length of the schedule in steps.
      weight_decay: part of every parameter that a step at learning rate 1 takes away (AdamW); 0 for none.
    """
    rate = SCHEDULES[schedule](learning_rate, max(num_steps, 2))
    clip = optax.clip_by_global_norm(gradient_clip) if gradient_clip else optax.identity()
    # One update of one long vector: an update of each of some forty arrays takes XLA seconds longer to compile.
    update = (
        optax.adamw(rate, b1=b1, b2=b2, weight_decay=weight_decay) if weight_decay else optax.adam(rate, b1=b1, b2=b2)
    )
    return optax.flatten(optax.chain(clip, update))
