"""A training step that compiles at once and still depends on the data order, so that bookkeeping is tested quickly."""

import jax
import jax.numpy as jnp

from pcsa_jax.run import training


def install(patch, *, nan_at=0):
    """Puts the quick step and quick scores in place of the networks'; the loss is NaN at step ``nan_at``."""

    def step_on_rows(state, volumes, rows, *, experiment):
        step = state.step + 1
        value = jnp.take(volumes.mri, rows, axis=0).mean() * step
        params = jax.tree.map(lambda leaf: 0.9 * leaf + value, state.params)
        total = jnp.where(step == nan_at, jnp.nan, value)
        return state._replace(step=step, params=params), {"generator/l1": value, "generator/total": total}

    def validation_scores(params, mri, pet, mask, *, experiment):
        score = jnp.abs(jax.tree.leaves(params)[0].mean() - pet.mean())[None]
        return {"mae_brain": score, "psnr_brain_db": 10 * score, "ssim_brain": 1 - score}

    patch.setattr(training, "_step_on_rows", step_on_rows)
    patch.setattr(training, "_validation_scores", validation_scores)
