"""The same losses and the same training step in PyTorch."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

K1, K2, SIGMA, RADIUS = 0.01, 0.03, 1.5, 5
EXPONENTS = (0.0448, 0.2856, 0.3001)
FLOOR = 1e-3


@cache
def _band(size: int, mirrored: bool, device: torch.device) -> Tensor:
    """The Gaussian window along one axis as a matrix (output x input)."""
    offsets = np.arange(-RADIUS, RADIUS + 1)
    window = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    window /= window.sum()
    rows = np.eye(size)
    rows = np.pad(rows, ((RADIUS, RADIUS), (0, 0)), mode="symmetric") if mirrored else rows
    count = rows.shape[0] - 2 * RADIUS
    matrix = sum(weight * rows[i : i + count] for i, weight in enumerate(window))
    return torch.tensor(matrix, dtype=torch.float32, device=device)


def _filtered(volumes: Tensor, mirrored: bool) -> Tensor:
    """Windowed means of ``(..., x, y, z)``, one matrix product an axis."""
    along_x, along_y, along_z = (_band(size, mirrored, volumes.device) for size in volumes.shape[-3:])
    volumes = along_y @ (volumes @ along_z.T)
    *lead, _, ny, nz = volumes.shape
    return (along_x @ volumes.flatten(-2)).reshape(*lead, -1, ny, nz)


def _similarity(fake: Tensor, pet: Tensor, mirrored: bool) -> tuple[Tensor, Tensor]:
    total, difference = fake + pet, fake - pet
    moments = _filtered(torch.stack([total, difference, total.square(), difference.square()]), mirrored)
    square_total, square_difference = moments[0].square(), moments[1].square()
    variance_total, variance_difference = moments[2] - square_total, moments[3] - square_difference
    luminance = 1 - square_difference / (0.5 * (square_total + square_difference) + K1**2)
    contrast = 1 - variance_difference / (0.5 * (variance_total + variance_difference) + K2**2)
    return luminance, contrast


def ssim_loss(fake: Tensor, pet: Tensor) -> Tensor:
    """``1 - SSIM``, mean over volumes ``(b, 1, x, y, z)`` in [0, 1]."""
    luminance, contrast = _similarity(fake[:, 0], pet[:, 0], mirrored=False)
    return 1 - (luminance * contrast).mean()


def ms_ssim_loss(fake: Tensor, pet: Tensor, exponents: Sequence[float] = EXPONENTS) -> Tensor:
    """``1 - MS-SSIM``, mean over volumes ``(b, 1, x, y, z)`` in [0, 1]."""
    result = torch.ones(len(fake), device=fake.device)
    for scale, exponent in enumerate(exponents, start=1):
        luminance, contrast = _similarity(fake[:, 0], pet[:, 0], mirrored=True)
        if scale == len(exponents):
            contrast = luminance * contrast
        else:
            fake, pet = functional.avg_pool3d(fake, 2), functional.avg_pool3d(pet, 2)
        result = result * contrast.mean(dim=(1, 2, 3)).clamp(min=FLOOR) ** exponent
    return 1 - result.mean()


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "ssim": ssim_loss,
    "ms_ssim": ms_ssim_loss,
}


class TrainStep:
    """Updates D on a detached fake, then G against the updated D: :func:`pcsa_jax.model.step.train_step`.

    Args:
      generator, discriminator: modules, compiled or not.
      weights: term -> weight, those with 0 left out.
      optimizers: G's and D's.
      autocast: makes the context in which the networks run.
      terms: reconstruction terms (another library's, or compiled ones).
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, weights: Mapping[str, float],
        optimizers: Sequence[torch.optim.Optimizer], *, autocast: Callable = contextlib.nullcontext,
        terms: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = TERMS,
    ):  # fmt: skip
        self.generator, self.discriminator, self.autocast = generator, discriminator, autocast
        self.weights = {name: float(weight) for name, weight in weights.items() if weight}
        self.optimizers, self.terms = optimizers, terms

    def __call__(self, mri: Tensor, pet: Tensor) -> dict[str, Tensor]:
        """One step; the losses stay on the device."""
        with self.autocast():
            fake = self.generator(mri)
        values = self._update_discriminator(mri, pet, fake.detach()) if "adversarial" in self.weights else {}
        found = {name: self.terms[name](fake.float(), pet) for name in self.weights if name != "adversarial"}
        if "adversarial" in self.weights:
            # D's own gradients are not wanted here.
            self.discriminator.requires_grad_(False)
            with self.autocast():
                logits = self.discriminator(mri, fake)
            found["adversarial"] = functional.softplus(-logits).mean()
        total = sum(self.weights[name] * value for name, value in found.items())
        self._descend(self.optimizers[0], total)
        found["total"] = total
        return values | {f"generator/{name}": value.detach() for name, value in found.items()}

    def _update_discriminator(self, mri: Tensor, pet: Tensor, fake: Tensor) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(True)
        with self.autocast():
            logits = self.discriminator(torch.cat([mri, mri]), torch.cat([pet, fake]))
        real_logits, fake_logits = logits.chunk(2)
        loss = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
        self._descend(self.optimizers[1], loss)
        return {"discriminator/loss": loss.detach()}

    @staticmethod
    def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def adam(module: nn.Module, *, learning_rate: float, b1: float, b2: float) -> torch.optim.Optimizer:
    """Adam, its update fused over all parameters."""
    return torch.optim.Adam(module.parameters(), lr=learning_rate, betas=(b1, b2), fused=True)
