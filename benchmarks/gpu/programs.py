"""Our programs on an accelerator: the step, its parts, the first layer's two forms."""

import glob
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.contender import Program
from benchmarks.programs.attention import program_gb
from benchmarks.programs.ours import batch_of, compiled, step_function, step_program
from benchmarks.workload import config_of, volumes
from pcsa_jax.experiment.build import build

FIRST_LAYERS = ((7, 4), (5, 8), (3, 12))
"""Kernel size and channels of the branches that see the one-channel volume."""
TOP_OPERATIONS = 15


def check_platform(platform: str) -> str:
    """The device's name.

    Raises:
      RuntimeError: if jax runs elsewhere.
    """
    if jax.default_backend() != platform:
        raise RuntimeError(f"jax runs on {jax.default_backend()}, not on {platform}")
    return jax.devices()[0].device_kind


def step(*, row: str, batch: int, size: int, precision: str, steps: int, platform: str, networks: dict) -> Program:
    """``steps`` training steps a call, waited for once, as the training loop does between two records."""
    device = check_platform(platform)
    experiment = build(config_of(row, size=size, fields=networks, precision=precision), num_steps=1000)
    arguments = batch_of(*volumes(batch, size))
    current = [experiment.initial_state()]
    program, facts = compiled(step_function(experiment), current[0], arguments, donate_argnums=0)

    def call() -> dict[str, float]:
        for _ in range(steps):
            current[0], _ = program(current[0], arguments)
        jax.block_until_ready(current[0])
        stats = jax.local_devices()[0].memory_stats() or {}
        return {"device_gb": stats["peak_bytes_in_use"] / 1e9} if "peak_bytes_in_use" in stats else {}

    return Program(call, facts | {"program_gb": program_gb(program), "device": device})


def milliseconds(function: Callable, *arguments: Any, steps: int) -> float:
    """One call's time, mean over ``steps`` calls in a row."""
    jax.block_until_ready(function(*arguments))
    start = time.perf_counter()
    for _ in range(steps):
        result = function(*arguments)
    jax.block_until_ready(result)
    return 1000 * (time.perf_counter() - start) / steps


def _native(x: jax.Array, kernel: jax.Array) -> jax.Array:
    names = ("NXYZC", "XYZIO", "NXYZC")
    return lax.conv_general_dilated(x, kernel, (1, 1, 1), "SAME", dimension_numbers=names)


def _folded(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The taps along x as input channels of one 2-D convolution over all slabs."""
    edge, batch, nx, ny, nz = kernel.shape[0], *x.shape[:4]
    padded = jnp.pad(x, ((0, 0), (edge // 2, edge // 2), (0, 0), (0, 0), (0, 0)))
    stacked = jnp.concatenate([padded[:, i : i + nx] for i in range(edge)], axis=-1).reshape(batch * nx, ny, nz, -1)
    flat = jnp.moveaxis(kernel, 0, 2).reshape(*kernel.shape[1:3], -1, kernel.shape[-1])
    result = lax.conv_general_dilated(stacked, flat, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return result.reshape(batch, nx, ny, nz, -1)


def first_layer(*, batch: int, size: int, steps: int, platform: str, count: int) -> Program:
    """Forward and filter gradient of the one-channel convolutions, in milliseconds: ``FORM PRECISION k^3 1->n``.

    Only the last ``count`` layers of :data:`FIRST_LAYERS`.
    """
    check_platform(platform)

    def call() -> dict[str, float]:
        found = {}
        for precision in ("bfloat16", "float32"):
            for edge, features in FIRST_LAYERS[-count:]:
                x = jnp.asarray(volumes(batch, size)[0], precision)
                kernel = jax.random.normal(jax.random.key(0), (edge, edge, edge, 1, features), precision)
                for name, form in (("native", _native), ("folded", _folded)):
                    gradient = jax.jit(jax.value_and_grad(lambda k, x, form=form: jnp.square(form(x, k)).sum()))
                    key = f"{name} {precision} {edge}^3 1->{features}"
                    found[key] = milliseconds(gradient, kernel, x, steps=steps)
        return found

    return Program(call, {})


def where(
    *, row: str, batch: int, size: int, precision: str, steps: int, platform: str, networks: dict
) -> Program:  # fmt: skip
    """Where a step's time goes, in milliseconds a step.

    ``part NAME``: its parts compiled one by one. ``operation NAME``: the longest operations by the profiler, if this
    jax can read its own profiles.
    """
    check_platform(platform)
    experiment = build(config_of(row, size=size, fields=networks, precision=precision), num_steps=1000)
    modules, loss, params = experiment.modules, experiment.loss, experiment.initial_state().params
    mri, pet = (jnp.asarray(v) for v in volumes(batch, size))
    low_mri, low_pet = mri.astype(experiment.dtype), pet.astype(experiment.dtype)

    def generate(p: Any) -> jax.Array:
        return modules.generator.apply({"params": p}, low_mri)

    def discriminate(p: Any, fake: jax.Array) -> jax.Array:
        two = (jnp.concatenate([low_mri, low_mri]), jnp.concatenate([low_pet, fake]))
        real_logits, fake_logits = jnp.split(modules.discriminator.apply({"params": p}, *two), 2)
        return loss.adversarial.discriminator(real_logits, fake_logits).mean()

    def judge(fake: jax.Array, p: Any) -> jax.Array:
        return loss.adversarial.generator(modules.discriminator.apply({"params": p}, low_mri, fake)).mean()

    def reconstruct(fake: jax.Array) -> jax.Array:
        return sum(loss.weights[name] * term(fake, pet).mean() for name, term in loss.terms.items())

    fake = low_pet
    pieces: dict[str, tuple[Callable, tuple]] = {
        "G forward": (generate, (params.generator,)),
        "G forward + backward": (jax.grad(lambda p: generate(p).astype(jnp.float32).mean()), (params.generator,)),
        "D's update without Adam": (jax.grad(discriminate), (params.discriminator, fake)),
        "D's judgement of the fake": (jax.grad(judge), (fake, params.discriminator)),
        "reconstruction losses": (jax.grad(reconstruct), (fake,)),
    }
    whole, _, _ = step_program(experiment, mri, pet)

    def call() -> dict[str, float]:
        found = {f"part {name}": milliseconds(jax.jit(piece), *given, steps=steps)
                 for name, (piece, given) in pieces.items()}  # fmt: skip
        found["part whole step"] = milliseconds(whole, steps=steps)
        return found | {f"operation {name}": value for name, value in profile(whole, min(steps, 5), platform).items()}

    return Program(call, {})


def profile(run: Callable[[], Any], steps: int, platform: str) -> dict[str, float]:
    """The longest operations of ``steps`` calls in milliseconds a call; empty without ``jax.profiler.ProfileData``."""
    if not hasattr(jax.profiler, "ProfileData"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(steps):
                run()
        return _longest(folder, steps, "GPU" if platform == "gpu" else "CPU")


def _longest(folder: str, steps: int, plane_name: str) -> dict[str, float]:
    (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
    totals: Counter[str] = Counter()
    for plane in jax.profiler.ProfileData.from_file(path).planes:
        if plane_name not in plane.name:
            continue
        for line in plane.lines:
            # Streams hold kernels; the lines beside them repeat the same time by module or by source.
            if plane_name == "GPU" and not line.name.startswith("Stream"):
                continue
            for event in line.events:
                totals[event.name] += event.duration_ns
    return {name[:80]: value / 1e6 / steps for name, value in totals.most_common(TOP_OPERATIONS)}
