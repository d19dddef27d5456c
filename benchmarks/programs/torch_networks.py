"""The same networks in PyTorch, written as a good PyTorch user would: what our speed is compared with.

Sub-modules carry the names of our parameters, so that :func:`ported` can hand ours over and a test can compare
outputs. Volumes are ``(b, c, x, y, z)``, in either memory format.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Branches = Sequence[tuple[int, int]]


class Conv(nn.Conv3d):
    """3-D convolution with bias that keeps the size, divided by ``stride``."""

    def __init__(self, channels: int, features: int, kernel_size: int = 3, stride: int = 1):
        super().__init__(channels, features, kernel_size, stride, padding=kernel_size // 2 if stride == 1 else 0)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] == 2:
            x = functional.pad(x, (0, 1) * 3)  # JAX's "SAME" pads an even edge behind alone.
        return super().forward(x)


def conv_relu(channels: int, features: int, kernel_size: int = 3, stride: int = 1) -> nn.Module:
    """Convolution and ReLU in one module, so that another library's block can take its place."""
    return ConvRelu(channels, features, kernel_size, stride)


class ConvRelu(Conv):
    """Convolution, then ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x), inplace=True)


class ChannelAttention(nn.Module):
    """Sigmoid channel attention from the global mean and maximum."""

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mean_hidden, self.mean_scores = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.max_hidden, self.max_scores = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        mean, largest = x.mean(dim=(2, 3, 4)), x.amax(dim=(2, 3, 4))
        scores = self.mean_scores(functional.relu(self.mean_hidden(mean)))
        scores = scores + self.max_scores(functional.relu(self.max_hidden(largest)))
        return x * torch.sigmoid(scores)[:, :, None, None, None]


class PyramidConv(nn.Module):
    """Convolutions of several kernel sizes side by side, each with its channel attention."""

    def __init__(self, channels: int, branches: Branches, attention: bool, reduction: int, block: Callable):
        super().__init__()
        self.count = len(branches)
        for index, (kernel_size, features) in enumerate(branches):
            self.add_module(f"conv{index}", block(channels, features, kernel_size))
            if attention:
                self.add_module(f"channel_attention{index}", ChannelAttention(features, reduction))

    def forward(self, x: Tensor) -> Tensor:
        groups = []
        for index in range(self.count):
            group = getattr(self, f"conv{index}")(x)
            attention = getattr(self, f"channel_attention{index}", None)
            groups.append(attention(group) if attention is not None else group)
        return torch.cat(groups, dim=1)


class ResidualBlock(nn.Module):
    """Two convolutions around an identity connection."""

    def __init__(self, channels: int, block: Callable):
        super().__init__()
        self.conv0, self.conv1 = block(channels, channels), Conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.conv1(self.conv0(x)))


class SelfAttention(nn.Module):
    """Exact attention over all voxels by torch's fused kernel, added with a learned gain."""

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        width = max(1, channels // reduction)
        self.query, self.key = nn.Linear(channels, width, bias=False), nn.Linear(channels, width, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)[:, None]  # one head: (b, 1, tokens, channels)
        query, key, value = self.query(tokens), self.key(tokens), self.value(tokens)
        # The fused kernels take queries, keys and values of one width, a multiple of 8: zeros change no score.
        width = value.shape[-1]
        query, key = (functional.pad(t, (0, width - t.shape[-1])) for t in (query, key))
        scale = 1 / math.sqrt(self.query.out_features)
        attended = functional.scaled_dot_product_attention(query, key, value, scale=scale)
        return x + self.gain * attended[:, 0].transpose(1, 2).reshape(x.shape)


class Deconvolution(nn.Module):
    """Trilinear upsampling, the skip connection, a convolution."""

    def __init__(self, channels: int, features: int, factor: int):
        super().__init__()
        self.factor = factor
        self.conv = Conv(channels, features)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        x = functional.interpolate(x, scale_factor=self.factor, mode="trilinear", align_corners=False)
        return self.conv(x if skip is None else torch.cat([x, skip], dim=1))


class Generator(nn.Module):
    """``pcsa_jax.model.generator.Generator`` with its arguments, for volumes of ``size``^3.

    ``block`` makes convolution and ReLU: (channels, features, kernel_size=3, stride=1) -> module.
    """

    def __init__(
        self, *, size: int, stages: Sequence[Branches], bottleneck_features: int, residual_blocks: int,
        channel_attention: str, reduction: int, attention_sizes: Sequence[int], skip_sizes: Sequence[int],
        transposed: bool = False, output: str = "none", block: Callable = conv_relu,
    ):  # fmt: skip
        super().__init__()
        if channel_attention not in ("sigmoid", "none") or transposed or output != "none":
            raise ValueError("torch generator: only the default forms are written here")
        self.residual_blocks = residual_blocks
        channels, encoded = 1, []
        for index, branches in enumerate(stages):
            pyramid = PyramidConv(channels, branches, channel_attention != "none", reduction, block)
            self.add_module(f"pyramid{index}", pyramid)
            channels = sum(features for _, features in branches)
            encoded += [channels, channels] if index == 0 else [channels]
        self.bottleneck = block(channels, bottleneck_features, 3, 2)
        channels = bottleneck_features
        for index in range(residual_blocks):
            self.add_module(f"residual{index}", ResidualBlock(channels, block))
        self.skips = []
        inputs, outputs = (size // 16, size // 4, size // 2), (size // 4, size // 2, size)
        for index, skip in enumerate(reversed(encoded)):
            if inputs[index] in attention_sizes:
                self.add_module(f"self_attention{index}", SelfAttention(channels))
            self.skips.append(outputs[index] in skip_sizes)
            channels, features = channels + skip * self.skips[-1], 1 if outputs[index] == size else skip
            self.add_module(f"deconvolution{index}", Deconvolution(channels, features, 2 if index else 4))
            channels = features

    def forward(self, mri: Tensor) -> Tensor:
        first = self.pyramid0(mri)
        half = functional.max_pool3d(first, 2)
        quarter = functional.max_pool3d(self.pyramid1(half), 2)
        x = functional.max_pool3d(self.bottleneck(quarter), 2)
        for index in range(self.residual_blocks):
            x = getattr(self, f"residual{index}")(x)
        for index, skip in enumerate((quarter, half, first)):
            attention = getattr(self, f"self_attention{index}", None)
            x = attention(x) if attention is not None else x
            x = getattr(self, f"deconvolution{index}")(x, skip if self.skips[index] else None)
            x = functional.relu(x, inplace=True) if index < 2 else x
        return x


class Discriminator(nn.Module):
    """``pcsa_jax.model.discriminator.Discriminator`` with its arguments, for volumes of ``size``^3."""

    def __init__(self, *, size: int, features: Sequence[int], conditional: bool, negative_slope: float):
        super().__init__()
        self.conditional, self.negative_slope, self.count = conditional, negative_slope, len(features)
        channels = 2 if conditional else 1
        for index, wide in enumerate(features):
            self.add_module(f"conv{index}", Conv(channels, wide))
            if index > 0:
                self.add_module(f"shortcut{index}", nn.Conv3d(channels, wide, 1, bias=False))
            channels = wide
        self.logit = nn.Linear((size // 2 ** len(features)) ** 3 * channels, 1)

    def forward(self, mri: Tensor, pet: Tensor) -> Tensor:
        x = torch.cat([mri, pet], dim=1) if self.conditional else pet
        for index in range(self.count):
            hidden = functional.leaky_relu(getattr(self, f"conv{index}")(x), self.negative_slope, inplace=True)
            hidden = hidden + getattr(self, f"shortcut{index}")(x) if index else hidden
            x = functional.max_pool3d(hidden, 2)
        return self.logit(x.permute(0, 2, 3, 4, 1).flatten(1))[:, 0].float()


def ported(params: Mapping[str, Any], prefix: str = "") -> dict[str, Tensor]:
    """Our parameters (nested dict of arrays) as a ``state_dict`` of the modules above."""
    state: dict[str, Tensor] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            state |= ported(value, f"{prefix}{name}.")
            continue
        value = np.array(value)
        if name == "kernel":
            # Ours end in (inputs, outputs), theirs begin with (outputs, inputs).
            value = np.moveaxis(value, (-1, -2), (0, 1))
            if "shortcut" in prefix:
                value = value[..., None, None, None]
        state[prefix + {"kernel": "weight"}.get(name, name)] = torch.tensor(value)
    return state
