"""MONAI-style code: the same networks from MONAI's blocks, trained as its tutorials train.

What "style" means here: ``monai.networks.blocks.Convolution`` for every convolution with activation,
``monai.losses.SSIMLoss`` for the similarity term (its window is one dense 11^3 kernel; MONAI has no multi-scale
loss), NCDHW memory, float16 autocast with a ``GradScaler``, plain Adam, D's parameters left trainable during G's
update, one fresh forward pass per use, and ``.item()`` on every loss in every iteration. It is not MONAI at its best;
that is the PyTorch code beside it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from monai.losses import SSIMLoss
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional

from benchmarks.contender import Program
from benchmarks.programs.torch_networks import Discriminator, Generator
from benchmarks.programs.torch_runs import finished, prepare, tensors
from benchmarks.workload import config_of


def block(channels: int, features: int, kernel_size: int = 3, stride: int = 1) -> nn.Module:
    """Convolution and ReLU by MONAI."""
    return Convolution(3, channels, features, stride, kernel_size, adn_ordering="A", act="RELU", norm=None)


def step(*, batch: int, size: int, row: str, device: str, steps: int, networks: dict) -> Program:
    """The whole training step of D and G, ``steps`` of them a call."""
    prepare(device)
    torch.backends.cudnn.benchmark = False
    config = config_of(row, size=size, fields=networks)
    weights = {name: weight for name, weight in config.loss.items() if weight}
    nets = [Generator(size=size, **config.generator, block=block), Discriminator(size=size, **config.discriminator)]
    nets = [net.to(device) for net in nets]
    optimizers = [
        torch.optim.Adam(net.parameters(), config[f"{name}_optimizer"].learning_rate)
        for net, name in zip(nets, ("generator", "discriminator"), strict=True)
    ]
    similarity = SSIMLoss(spatial_dims=3, data_range=1.0)
    terms = {"l1": nn.L1Loss(), "ssim": similarity, "ms_ssim": similarity}
    half = torch.float16 if device == "cuda" else torch.bfloat16
    autocast = partial(torch.autocast, device, half)
    scalers = [torch.amp.GradScaler(device, enabled=device == "cuda") for _ in nets]
    mri, pet = tensors(batch, size, device=device)

    def call() -> dict[str, float]:
        for _ in range(steps):
            _iteration(nets, optimizers, scalers, weights, terms, autocast, mri, pet)
        return finished(device)

    return Program(call, {})


def _iteration(
    nets: list[nn.Module], optimizers: list[torch.optim.Optimizer], scalers: list[Any], weights: dict[str, float],
    terms: dict[str, Callable], autocast: Callable, mri: torch.Tensor, pet: torch.Tensor,
) -> dict[str, float]:  # fmt: skip
    generator, discriminator = nets
    record = {}
    if "adversarial" in weights:
        optimizers[1].zero_grad()
        with autocast():
            fake = generator(mri)
            real_logits, fake_logits = discriminator(mri, pet), discriminator(mri, fake.detach())
            loss = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
        _descend(loss, optimizers[1], scalers[1])
        record["discriminator"] = loss.item()
    optimizers[0].zero_grad()
    with autocast():
        fake = generator(mri)
        losses = {name: term(fake.float(), pet) for name, term in terms.items() if name in weights}
        if "adversarial" in weights:
            losses["adversarial"] = functional.softplus(-discriminator(mri, fake)).mean()
        loss = sum(weights[name] * value for name, value in losses.items())
    _descend(loss, optimizers[0], scalers[0])
    return record | {name: value.item() for name, value in losses.items()}


def _descend(loss: torch.Tensor, optimizer: torch.optim.Optimizer, scaler: Any) -> None:
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
