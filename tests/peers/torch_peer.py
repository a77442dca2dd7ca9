"""One of our networks and its training step in PyTorch: the peer that `cardiax bench --peer torch` times.

  cd tests && python -m peers.torch_peer FOLDER

FOLDER holds config.json, variables.npz and batch.npz. Then each line of the input is a method of `Peer` and its
arguments, as JSON, and is answered by a line with what it returns. The first line tells the kinds of network.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from flax.traverse_util import unflatten_dict
from torch import nn
from torch.nn import functional

from cardiax.config import from_dict
from cardiax.launch.timing.workload import make_batch
from cardiax.models import build_model
from cardiax.tasks import find_task

from .torch_layers import tensor
from .torch_models import TWINS

HUBER = {"activation": 1.0, "transmembrane": 5.0}
"""Threshold of each task's loss, ms and mV; the other tasks have cross entropy."""

COMPILER = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
"""The C++ compiler that torch.compile needs; without one, eager mode alone is timed."""


class Peer:
    """A twin on one batch.

    Args:
      config: our experiment, for its task, model and optimiser, whose rate must be constant.
      module: our Flax module.
      variables: our weights, {"params", "batch_stats"}, NumPy arrays.
      batch: {"leads": (B, T, C), "target"}, NumPy arrays; laid out here as PyTorch lays them out.
    """

    def __init__(self, config, module, variables, batch):
        self._config, self._inputs = config, {}
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        self.module = TWINS[config.model](module, variables["params"], variables.get("batch_stats", {}))
        self.inputs = self.laid_out(batch["leads"])
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
            with self._precision():
                outputs = self.forwards[kind](self.inputs)
            self._loss(outputs.float()).backward()
            if self._clip_norm:
                nn.utils.clip_grad_norm_(self.module.parameters(), self._clip_norm)
            self._optimizer.step()

    def infer(self, kind, size, times):
        """So many evaluations of `size` inputs that are made up, on our side the same."""
        self.module.eval()
        if size not in self._inputs:
            self._inputs[size] = self.laid_out(make_batch(self._config, size)["leads"])
        with torch.inference_mode(), self._precision():
            for _ in range(times):
                self.forwards[kind](self._inputs[size])

    def _precision(self):
        """In which the network is computed: PyTorch's own choice of operations in bfloat16, or float32."""
        return torch.autocast("cpu", torch.bfloat16, self._config.precision == "bfloat16")

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


def load(path):
    """A tree of arrays as `numpy.savez` wrote it, names joined by slashes."""
    with np.load(path, allow_pickle=False) as arrays:
        return unflatten_dict(dict(arrays), sep="/")


def main(folder):
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what PyTorch prints must not pass for an answer
    config = from_dict(json.loads(Path(folder, "config.json").read_text()))
    module = build_model(config.model, find_task(config.task).outputs, None, config.model_args)
    peer = Peer(config, module, load(Path(folder, "variables.npz")), load(Path(folder, "batch.npz")))
    print(json.dumps(list(peer.forwards)), file=answers, flush=True)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(getattr(peer, method)(*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
