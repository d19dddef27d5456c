"""PyTorch's programs, as contenders; ``variant`` is how a user may run them.

``contiguous`` and ``channels_last`` are eager in that memory format; ``compile`` is ``torch.compile`` of the
channels-last form, networks and losses; ``graphs`` the same in mode ``reduce-overhead`` (CUDA graphs).
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.contender import Program
from benchmarks.programs.torch_networks import Discriminator, Generator
from benchmarks.programs.torch_step import TERMS, TrainStep, adam
from benchmarks.workload import config_of, volumes

MODES = {"compile": "default", "graphs": "reduce-overhead"}


def prepare(device: str) -> None:
    """All cores; on a GPU TF32 and the fastest convolution algorithms.

    Raises:
      RuntimeError: if torch cannot use the device.
    """
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    if device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError(f"torch {torch.__version__} sees no GPU")
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def formatted(thing: Any, variant: str) -> Any:
    """A tensor or a module in the variant's memory format."""
    return thing if variant == "contiguous" else thing.to(memory_format=torch.channels_last_3d)


def tensors(batch: int, size: int, variant: str = "contiguous", device: str = "cpu") -> list[torch.Tensor]:
    """The volumes as ``(b, 1, x, y, z)``."""
    found = [torch.from_numpy(np.moveaxis(v, -1, 1).copy()).to(device) for v in volumes(batch, size)]
    return [formatted(volume, variant) for volume in found]


def forward(*, batch: int, size: int, backward: bool, variant: str) -> Program:
    """The generator on the CPU, or its gradient with respect to all parameters."""
    prepare("cpu")
    generator: nn.Module = formatted(Generator(size=size, **config_of(size=size).generator), variant)
    mri, pet = tensors(batch, size, variant)
    if variant in MODES:
        generator = torch.compile(generator, mode=MODES[variant])

    def call_forward() -> None:
        with torch.inference_mode():
            generator(mri)

    def call_backward() -> None:
        generator.zero_grad(set_to_none=True)
        (generator(mri) - pet).square().mean().backward()

    return Program(call_backward if backward else call_forward, {})


def optimizers_of(config: Any, *modules: nn.Module) -> list[torch.optim.Optimizer]:
    """G's and D's Adam."""
    settings = (config.generator_optimizer, config.discriminator_optimizer)
    return [
        adam(module, **{name: chosen[name] for name in ("learning_rate", "b1", "b2")})
        for module, chosen in zip(modules, settings, strict=True)
    ]


def step(
    *, batch: int, size: int, variant: str, row: str = "pcsa", device: str = "cpu", precision: str = "float32",
    steps: int = 1, networks: Mapping[str, Any] = MappingProxyType({}),
) -> Program:  # fmt: skip
    """The whole training step of D and G, ``steps`` of them a call."""
    prepare(device)
    start = time.perf_counter()
    config = config_of(row, size=size, fields=networks)
    generator = formatted(Generator(size=size, **config.generator).to(device), variant)
    discriminator = formatted(Discriminator(size=size, **config.discriminator).to(device), variant)
    optimizers = optimizers_of(config, generator, discriminator)
    mri, pet = tensors(batch, size, variant, device)
    terms = TERMS
    if variant in MODES:
        compiled = partial(torch.compile, mode=MODES[variant])
        generator, discriminator = compiled(generator), compiled(discriminator)
        terms = {name: torch.compile(term) for name, term in TERMS.items()} if device == "cuda" else TERMS
    autocast: Callable = contextlib.nullcontext
    if precision == "bfloat16":
        autocast = partial(torch.autocast, device, torch.bfloat16)
    run = TrainStep(generator, discriminator, config.loss, optimizers, autocast=autocast, terms=terms)

    def call() -> dict[str, float]:
        for _ in range(steps):
            if variant == "graphs":
                torch.compiler.cudagraph_mark_step_begin()
            run(mri, pet)
        return finished(device)

    return Program(call, {"build_s": time.perf_counter() - start})


def finished(device: str) -> dict[str, float]:
    """Waits for the device; its peak memory so far."""
    if device != "cuda":
        return {}
    torch.cuda.synchronize()
    return {"device_gb": torch.cuda.max_memory_allocated() / 1e9}
