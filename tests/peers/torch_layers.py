"""PyTorch layers that are born with Flax's weights, and lay out a beat as PyTorch does: (B, channels, samples)."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class SameConv1d(nn.Conv1d):
    """A strided convolution with the padding that Flax calls SAME, which may be one longer at the end."""

    def forward(self, x):
        """(B, C, T) → (B, C', ⌈T/stride⌉)."""
        samples, (kernel,), (stride,) = x.shape[-1], self.kernel_size, self.stride
        total = max((-(-samples // stride) - 1) * stride + kernel - samples, 0)
        return super().forward(functional.pad(x, (total // 2, total - total // 2)))


def convolution(parameters, stride=1):
    """A padded convolution from Flax's {kernel (*window, inputs, outputs), bias}, in as many dimensions as `window`."""
    kernel = parameters["kernel"]
    *window, inputs, outputs = kernel.shape
    bias = "bias" in parameters
    if stride > 1:
        layer = SameConv1d(inputs, outputs, window[0], stride, bias=bias)
    else:
        kind = {1: nn.Conv1d, 2: nn.Conv2d}[len(window)]
        layer = kind(inputs, outputs, tuple(window), padding=tuple(size // 2 for size in window), bias=bias)
    return _filled(layer, np.moveaxis(kernel, (-1, -2), (0, 1)), parameters)


def dense(parameters, channels=None):
    """A dense layer from {kernel (inputs, outputs), bias}.

    Args:
      parameters: Flax's.
      channels: of what is flattened before it, if anything is: Flax flattens (places, channels), PyTorch (channels,
        places).
    """
    kernel = parameters["kernel"]
    inputs, outputs = kernel.shape
    if channels:
        kernel = kernel.reshape(-1, channels, outputs).swapaxes(0, 1).reshape(inputs, outputs)
    return _filled(nn.Linear(inputs, outputs), kernel.T, parameters)


def norm(parameters, statistics, momentum=0.99):
    """Batch statistics from {scale, bias} and the running {mean, var}; `momentum` is Flax's, 1 − PyTorch's."""
    layer = nn.BatchNorm1d(len(parameters["scale"]), momentum=1 - momentum)
    with torch.no_grad():
        layer.weight.copy_(tensor(parameters["scale"]))
        layer.bias.copy_(tensor(parameters["bias"]))
        layer.running_mean.copy_(tensor(statistics["mean"]))
        layer.running_var.copy_(tensor(statistics["var"]))
    return layer


def bidirectional(parameters):
    """A bidirectional LSTM layer, batch first, from {input_kernel, recurrent_kernel, bias}, the directions beside
    each other: (2, inputs, 4·H), (2, H, 4·H) and (2, 2, 4·H), the last of which has the direction second."""
    _, inputs, width = parameters["input_kernel"].shape
    layer = nn.LSTM(inputs, width // 4, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for direction, suffix in enumerate(("", "_reverse")):
            getattr(layer, f"weight_ih_l0{suffix}").copy_(tensor(parameters["input_kernel"][direction].T))
            getattr(layer, f"weight_hh_l0{suffix}").copy_(tensor(parameters["recurrent_kernel"][direction].T))
            getattr(layer, f"bias_ih_l0{suffix}").copy_(tensor(parameters["bias"][0, direction]))
            getattr(layer, f"bias_hh_l0{suffix}").copy_(tensor(parameters["bias"][1, direction]))
    return layer


def tensor(array):
    """A tensor of its own from any array."""
    return torch.from_numpy(np.array(array, order="C"))


def _filled(layer, weight, parameters):
    with torch.no_grad():
        layer.weight.copy_(tensor(weight))
        if "bias" in parameters:
            layer.bias.copy_(tensor(parameters["bias"]))
    return layer
