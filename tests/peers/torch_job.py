"""The reference heartbeat job as its script does it: PyTorch's DataLoader, 1-D CNN, Adam, validation after each epoch.

  python tests/peers/torch_job.py ARRAYS.npz EPOCHS [PRECISION [SEED]]

Of precision bfloat16 the network is computed under torch.autocast, which the reference does not do. ARRAYS.npz holds
`train_input` (n, 187, 1), `train_target` (n,), `validation_input` and `validation_target`.
"""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def network():
    """The reference's 1-D CNN with one logit, 1,682,961 parameters; see `cardiax.models.reference_cnn.ReferenceCNN`."""
    layers, width = [], 1
    for features in (128, 64, 32):
        layers += [nn.Conv1d(width, features, 3, padding=1), nn.LeakyReLU(0.001)]
        width = features
    layers += [nn.MaxPool1d(3, 2, 1), nn.Dropout(0.5), nn.Flatten()]
    width *= 94
    for features in (512, 216):
        layers += [nn.Linear(width, features), nn.LeakyReLU(0.001)]
        width = features
    return nn.Sequential(*layers, nn.Linear(width, 1))


def loader(arrays, side, shuffle):
    """Batches of 64 of a side of the split."""
    inputs = torch.from_numpy(arrays[f"{side}_input"].transpose(0, 2, 1).copy())
    target = torch.from_numpy(arrays[f"{side}_target"].astype(np.float32))
    return DataLoader(TensorDataset(inputs, target), batch_size=64, shuffle=shuffle)


def main(path, epochs, precision="float32", seed=0):
    """Train, and print the accuracy on validation after each epoch."""
    torch.manual_seed(seed)
    with np.load(path, allow_pickle=False) as arrays:
        train, validation = loader(arrays, "train", shuffle=True), loader(arrays, "validation", shuffle=False)
    model, autocast = network(), torch.autocast("cpu", torch.bfloat16, precision == "bfloat16")
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.BCEWithLogitsLoss()
    for epoch in range(1, epochs + 1):
        model.train()
        for inputs, target in train:
            optimizer.zero_grad()
            with autocast:
                logits = model(inputs)[:, 0]
            criterion(logits.float(), target).backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode(), autocast:
            right = [((model(inputs)[:, 0] > 0) == (target > 0.5)) for inputs, target in validation]
        print(f"epoch {epoch}: validation accuracy {torch.cat(right).float().mean():.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4], *map(int, sys.argv[4:5]))
