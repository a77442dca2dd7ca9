"""The reference arrhythmia job as its script does it: PyTorch's DataLoader, 1-D CNN, Adam, validation after each epoch.

  python tests/peers/torch_job.py ARRAYS.npz FOLDER EPOCHS ACCURACY MACRO_F1 [SEED]

ARRAYS.npz holds `leads` (n, 187, 1) and `target` (n,) of each split, as `train_leads`. At the first evaluation on
validation with ACCURACY and MACRO_F1, or after EPOCHS, the network is tested once. FOLDER gets metrics.jsonl and
test.json with the keys of a run of ours.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = 5


def network(samples):
    """The reference's 1-D CNN; see `cardiax.models.reference_cnn.ReferenceCNN`."""
    layers, width = [], 1
    for features in (128, 64, 32):
        layers += [nn.Conv1d(width, features, 3, padding=1), nn.LeakyReLU(0.001)]
        width = features
    layers += [nn.MaxPool1d(3, 2, 1), nn.Dropout(0.3), nn.Flatten()]
    width *= (samples + 1) // 2
    for features in (512, 216):
        layers += [nn.Linear(width, features), nn.LeakyReLU(0.001)]
        width = features
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def loader(arrays, split, shuffle=False):
    """Batches of 64 of a split, each beat z-scored."""
    beats = torch.from_numpy(arrays[f"{split}_leads"].transpose(0, 2, 1).copy())
    beats = (beats - beats.mean(2, keepdim=True)) / beats.std(2, correction=0, keepdim=True)
    target = torch.from_numpy(arrays[f"{split}_target"].astype(np.int64))
    return DataLoader(TensorDataset(beats, target), batch_size=64, shuffle=shuffle)


@torch.inference_mode()
def scores(model, batches):
    """Accuracy and macro-F1 over the classes that occur or are predicted."""
    model.eval()
    pairs = torch.cat([CLASSES * target + model(beats).argmax(1) for beats, target in batches])
    confusion = np.bincount(pairs.numpy(), minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    right, counts = confusion.diagonal(), confusion.sum(0) + confusion.sum(1)
    return {"accuracy": right.sum() / len(pairs), "macro_f1": np.mean(2 * right[counts > 0] / counts[counts > 0])}


def main(path, folder, epochs, accuracy, macro_f1, seed=0):
    """Train until the validation scores are reached, and print them after each epoch; then test."""
    torch.manual_seed(seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    with np.load(path, allow_pickle=False) as arrays:
        samples = arrays["train_leads"].shape[1]
        train, validation, test = (loader(arrays, split, split == "train") for split in ("train", "validation", "test"))
    model = network(samples)
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    for epoch in range(1, epochs + 1):
        model.train()
        for beats, target in train:
            optimizer.zero_grad()
            criterion(model(beats), target).backward()
            optimizer.step()
        found = scores(model, validation)
        with open(Path(folder, "metrics.jsonl"), "a") as file:
            file.write(json.dumps({f"validation_{name}": value for name, value in found.items()}) + "\n")
        print(f"epoch {epoch}: {found}", flush=True)
        if found["accuracy"] >= accuracy and found["macro_f1"] >= macro_f1:
            break
    tested = {name: {"value": value} for name, value in scores(model, test).items()}
    Path(folder, "test.json").write_text(json.dumps(tested))


if __name__ == "__main__":
    numbers = sys.argv[3:]
    main(*sys.argv[1:3], int(numbers[0]), *map(float, numbers[1:3]), *map(int, numbers[3:]))
