"""Training steps of the reference 1-D CNN, ours against PyTorch's on the same cores.

Run `python tests/peers/torch_cnn.py`, or under Linux for one core `taskset -c 0 python tests/peers/torch_cnn.py`.

Both sides: beats 187 × 1, batch 64, two outputs, cross entropy, dropout 0.5, Adam 1e-3, float32, every core, PyTorch
in eager mode as the reference scripts run it. From the same weights, and with dropout off, both must compute the same
loss before anything is timed. Steps are then timed in alternating blocks, so that a change in the machine's load meets
both sides, and the figure is the median over blocks of PyTorch's time divided by ours: above 1, ours is faster.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax

from cardiax.losses import cross_entropy
from cardiax.models.cnn import ReferenceCNN

try:
    import torch
except ModuleNotFoundError:
    sys.exit("this comparison needs PyTorch: pip install 'cardiax[bench]'")

BATCH, SAMPLES, OUTPUTS, LEARNING_RATE, DROPOUT = 64, 187, 2, 1e-3, 0.5
POOLED, CHANNELS = 94, 32  # what the pooling leaves of a beat
TOLERANCE = 1e-5


class TorchReferenceCNN(torch.nn.Module):
    """`ReferenceCNN` in PyTorch: beats (B, 1, 187) to logits (B, OUTPUTS)."""

    def __init__(self):
        super().__init__()
        layers, inputs = [], 1
        for channels in (128, 64, CHANNELS):
            layers += [torch.nn.Conv1d(inputs, channels, 3, padding=1), torch.nn.LeakyReLU(0.001)]
            inputs = channels
        layers += [torch.nn.MaxPool1d(3, stride=2, padding=1), torch.nn.Dropout(DROPOUT), torch.nn.Flatten()]
        inputs = POOLED * CHANNELS
        for width in (512, 216):
            layers += [torch.nn.Linear(inputs, width), torch.nn.LeakyReLU(0.001)]
            inputs = width
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(inputs, OUTPUTS))

    def forward(self, x):
        return self.layers(x)

    def copy_weights(self, params):
        """Takes a `ReferenceCNN`'s weights: Flax has kernels (width, in, out) and flattens (samples, channels)."""
        theirs = [layer for layer in self.layers if isinstance(layer, (torch.nn.Conv1d, torch.nn.Linear))]
        names = [f"Conv_{i}" for i in range(3)] + [f"Dense_{i}" for i in range(3)]
        for layer, name in zip(theirs, names, strict=True):
            kernel = np.asarray(params[name]["kernel"])
            if name == "Dense_0":
                kernel = kernel.reshape(POOLED, CHANNELS, -1).transpose(1, 0, 2).reshape(POOLED * CHANNELS, -1)
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(kernel.T.copy()))
                layer.bias.copy_(torch.tensor(np.asarray(params[name]["bias"])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=15, help="alternations timed (15)")
    parser.add_argument("--steps", type=int, default=20, help="steps in a block (20)")
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(threads)
    load = os.getloadavg()[0]
    if load > 0.3 * threads:
        print(f"load {load:.1f} before the start: busy cores stall PyTorch's thread barriers, do not quote this figure")

    generator = np.random.default_rng(0)
    beats = generator.random((BATCH, SAMPLES, 1), dtype=np.float32)
    labels = generator.integers(0, OUTPUTS, BATCH, dtype=np.int32)

    model, optimiser, dropout_key = ReferenceCNN(OUTPUTS, DROPOUT), optax.adam(LEARNING_RATE), jax.random.key(1)
    batch = jax.device_put((beats, labels), jax.devices("cpu")[0])
    params = jax.jit(model.init, static_argnames="train")(jax.random.key(0), batch[0], train=False)["params"]

    def loss_of(params, batch, key=None):
        rngs = None if key is None else {"dropout": key}
        logits = model.apply({"params": params}, batch[0], train=key is not None, rngs=rngs)
        return jnp.mean(cross_entropy(logits, batch[1]))

    @partial(jax.jit, donate_argnums=0)
    def train_step(state, batch):
        number, params, moments = state
        loss, gradients = jax.value_and_grad(loss_of)(params, batch, jax.random.fold_in(dropout_key, number))
        updates, moments = optimiser.update(gradients, moments, params)
        return (number + 1, optax.apply_updates(params, updates), moments), loss

    beats_torch = torch.tensor(beats.transpose(0, 2, 1).copy())
    labels_torch = torch.tensor(labels.astype(np.int64))
    peer = TorchReferenceCNN()
    peer.copy_weights(params)
    peer_optimiser = torch.optim.Adam(peer.parameters(), lr=LEARNING_RATE)
    criterion = torch.nn.CrossEntropyLoss()

    peer.eval()
    with torch.no_grad():
        losses = float(loss_of(params, batch)), float(criterion(peer(beats_torch), labels_torch))
    if abs(losses[0] - losses[1]) > TOLERANCE:
        sys.exit(f"not the same network: loss {losses[0]} here and {losses[1]} in PyTorch differ by over {TOLERANCE}")
    peer.train()

    state = (jnp.int32(0), params, optimiser.init(params))

    def run_ours():
        nonlocal state
        for _ in range(arguments.steps):
            state, loss = train_step(state, batch)
        jax.block_until_ready((state, loss))

    def run_theirs():
        for _ in range(arguments.steps):
            peer_optimiser.zero_grad()
            criterion(peer(beats_torch), labels_torch).backward()
            peer_optimiser.step()

    milliseconds = {run_ours: [], run_theirs: []}
    for block in range(arguments.blocks + 1):
        for run, times in milliseconds.items():
            start = time.perf_counter()
            run()
            if block > 0:  # the first compiles and warms up
                times.append((time.perf_counter() - start) / arguments.steps * 1e3)
    ours, theirs = milliseconds.values()
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    lower, median, upper = statistics.quantiles(ratios, n=4)
    print(f"loss, dropout off: {losses[0]:.7f} here, {losses[1]:.7f} in PyTorch")
    print(f"step: {statistics.median(ours):.1f} ms here, {statistics.median(theirs):.1f} ms in PyTorch (medians)")
    print(f"PyTorch / cardiax: {median:.2f} (quartiles {lower:.2f} to {upper:.2f}, {arguments.blocks} blocks)")
    print(f"jax {jax.__version__}, flax {flax.__version__}, torch {torch.__version__}, {threads} threads")
    print(f"{processor()}, {platform.platform()}, load {load:.1f} before")


def processor() -> str:
    """The processor's name, as Linux gives it, else the architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
