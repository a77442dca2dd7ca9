"""One of our networks and its training step in PyTorch: the peer that `cardiax bench --peer torch` times."""

import os
import shutil

import torch
from torch import nn
from torch.nn import functional

from .torch_layers import tensor
from .torch_models import TWINS

HUBER = {"activation": 1.0, "transmembrane": 5.0}
"""Threshold of each task's loss, ms and mV; the other tasks have cross entropy."""

COMPILER = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
"""The C++ compiler that torch.compile needs; without one, eager mode alone is timed."""

VERSION = torch.__version__


class Peer:
    """A twin on one batch.

    Args:
      config: our experiment, for its task, model and optimiser, whose rate must be constant.
      module: our Flax module.
      variables: our weights, {"params", "batch_stats"}, NumPy arrays.
      batch: {"input": (B, T, C), "target"}, NumPy arrays; laid out here as PyTorch lays them out.
    """

    def __init__(self, config, module, variables, batch):
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        self.module = TWINS[config.model](module, variables["params"], variables.get("batch_stats", {}))
        self.inputs = self.laid_out(batch["input"])
        target = tensor(batch["target"])
        self.target = target.transpose(1, 2).contiguous() if target.ndim == 3 else target
        if config.task not in HUBER:
            self.target = self.target.long()
        self._threshold = HUBER.get(config.task)
        self._clip_norm = config.optimizer.clip_norm
        self._optimizer = _optimizer(self.module, config.optimizer)
        self.forwards = {"eager": self.module}
        if COMPILER:
            self.forwards["compile"] = torch.compile(self.module, dynamic=False)

    @staticmethod
    def laid_out(inputs):
        """(B, T, C) → a tensor (B, C, T) of its own."""
        return tensor(inputs.transpose(0, 2, 1))

    def loss(self, train):
        """The loss of the batch with dropout off, batch statistics as in training or in evaluation."""
        self.module.train(train)
        for layer in self.module.modules():
            if isinstance(layer, nn.Dropout):
                layer.eval()
        with torch.no_grad():
            return float(self._loss(self.module(self.inputs)))

    def train(self, kind, steps):
        """So many training steps with the `eager` or the `compile`d network, dropout on."""
        self.module.train()
        for _ in range(steps):
            self._optimizer.zero_grad()
            self._loss(self.forwards[kind](self.inputs)).backward()
            if self._clip_norm:
                nn.utils.clip_grad_norm_(self.module.parameters(), self._clip_norm)
            self._optimizer.step()

    def infer(self, kind, inputs, steps):
        """So many evaluations of `inputs`, which `laid_out` made."""
        self.module.eval()
        with torch.inference_mode():
            for _ in range(steps):
                self.forwards[kind](inputs)

    def _loss(self, outputs):
        if self._threshold is None:
            return functional.cross_entropy(outputs, self.target)
        return functional.huber_loss(outputs, self.target, delta=self._threshold) / self._threshold


def _optimizer(module, config):
    if config.name == "adam":
        return torch.optim.Adam(module.parameters(), lr=config.learning_rate)
    if config.name == "sgd":
        return torch.optim.SGD(module.parameters(), lr=config.learning_rate, momentum=0.9)
    kernels = [item for name, item in module.named_parameters() if item.ndim > 1 and "learnt" not in name]
    rest = [item for name, item in module.named_parameters() if item.ndim == 1 or "learnt" in name]
    groups = [{"params": kernels, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate)
