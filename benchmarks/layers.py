"""Every convolution of the networks by itself: ours against PyTorch, forward and both gradients.

``python -m benchmarks.layers [--batch=1]`` prints a Markdown table for ``docs/decisions.md``. Both libraries share one
process and take turns layer by layer, so this finds slow layers; ``python -m benchmarks`` has the fair comparison.
"""

import argparse
import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.machine.devices import cpu_options
from pcsa_jax.model.platform_convolution import convolve

REPETITIONS = 7


class Layer(NamedTuple):
    """One convolution at 64^3: where it is, edge of its input, channels, features, kernel, stride."""

    name: str
    size: int
    channels: int
    features: int
    kernel: int
    stride: int = 1


LAYERS = (
    Layer("pyramid 0, branch 0", 64, 1, 4, 7),
    Layer("pyramid 0, branch 1", 64, 1, 8, 5),
    Layer("pyramid 0, branch 2", 64, 1, 12, 3),
    Layer("pyramid 1, branch 0", 32, 24, 36, 5),
    Layer("pyramid 1, branch 1", 32, 24, 60, 3),
    Layer("bottleneck", 16, 96, 192, 3, 2),
    Layer("residual", 4, 192, 192, 3),
    Layer("deconvolution 0", 16, 288, 96, 3),
    Layer("deconvolution 1", 32, 120, 24, 3),
    Layer("deconvolution 2", 64, 48, 1, 3),
    Layer("discriminator 0", 64, 2, 24, 3),
    Layer("discriminator 1", 32, 24, 48, 3),
    Layer("discriminator 2", 16, 48, 96, 3),
    Layer("discriminator 3", 8, 96, 192, 3),
)


def shortest_ms(call: Callable[[], object]) -> float:
    """The shortest of several calls after a first one that compiles."""
    seconds = []
    for _ in range(REPETITIONS + 1):
        start = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds[1:])


def ours(layer: Layer, x: np.ndarray, kernel: np.ndarray, cotangent: np.ndarray) -> list[float]:
    """Milliseconds of the forward pass, the input's and the kernel's gradient."""
    arguments = [jnp.asarray(array) for array in (x, kernel, cotangent)]

    def pulled(argument: int) -> Callable:
        return jit(lambda x, k, g: jax.vjp(lambda *a: convolve(*a, stride=layer.stride), x, k)[1](g)[argument])

    jit = functools.partial(jax.jit, compiler_options=cpu_options())
    forward = jit(lambda x, k, g: convolve(x, k, stride=layer.stride))
    return [shortest_ms(lambda f=f: f(*arguments)) for f in (forward, pulled(0), pulled(1))]


def peer(layer: Layer, x: np.ndarray, kernel: np.ndarray, cotangent: np.ndarray) -> list[float]:
    """The same in PyTorch, channels last."""
    import torch

    def tensor(array: np.ndarray, *axes: int) -> torch.Tensor:
        return torch.from_numpy(array.transpose(axes).copy()).to(memory_format=torch.channels_last_3d)

    volumes, weights = tensor(x, 0, 4, 1, 2, 3), tensor(kernel, 4, 3, 0, 1, 2)
    cotangents, padding = tensor(cotangent, 0, 4, 1, 2, 3), layer.kernel // 2

    def backward(*wanted: bool) -> object:
        return torch.ops.aten.convolution_backward(
            cotangents, volumes, weights, [layer.features], [layer.stride] * 3, [padding] * 3, [1] * 3, False, [0] * 3,
            1, [*wanted, False],
        )  # fmt: skip

    with torch.inference_mode():
        forward = shortest_ms(
            lambda: torch.nn.functional.conv3d(volumes, weights, stride=layer.stride, padding=padding)
        )
        return [forward, shortest_ms(lambda: backward(True, False)), shortest_ms(lambda: backward(False, True))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1, help="volumes (default 1)")
    batch = parser.parse_args().batch
    print("| layer | GFLOP | forward | PyTorch | input gradient | PyTorch | kernel gradient | PyTorch |")
    print("|---|" + "---|" * 7)
    for layer in LAYERS:
        rng, size, edge = np.random.default_rng(0), layer.size, layer.kernel
        x = rng.normal(size=(batch, *[size] * 3, layer.channels)).astype(np.float32)
        kernel = rng.normal(size=(*[edge] * 3, layer.channels, layer.features)).astype(np.float32)
        cotangent = rng.normal(size=(batch, *[size // layer.stride] * 3, layer.features)).astype(np.float32)
        flops = 2e-9 * kernel.size * cotangent.size / layer.features
        pairs = zip(ours(layer, x, kernel, cotangent), peer(layer, x, kernel, cotangent), strict=True)
        cells = " | ".join(f"{own:.1f} | {other:.1f}" for own, other in pairs)
        what = f"{layer.name}: {edge}^3, {layer.channels} -> {layer.features}, {size}^3"
        print(f"| {what} | {flops:.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
