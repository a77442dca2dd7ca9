"""How often each class is drawn, and how much it weighs: pure functions of the classes of the training split."""

import numpy as np

from cardiax.random_streams import stream


def class_shares(targets: np.ndarray, classes: int, power: float) -> np.ndarray:
    """The weight of each class, float64 (classes,): (its share of `targets`)^-power, of mean 1 over the examples.

    Power 0 leaves the classes as they are; 1 makes them count equally. An absent class weighs 0.
    """
    counts = np.bincount(targets, minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)
    return weights * counts.sum() / (weights @ counts)


def resampled(targets: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Places of `per_class` examples of each class that occurs in targets (n,), int64, each class in its order.

    A class that has more gives a part of its examples, one that has fewer gives all of them and repeats some.
    """
    chosen = []
    for label in np.unique(targets):
        members = np.flatnonzero(targets == label)
        random = stream("class resampling", seed, label).random_raw(len(members))
        drawn = members[np.argsort(random, kind="stable")]
        chosen.append(np.sort(np.resize(drawn, per_class)))
    return np.concatenate(chosen)
