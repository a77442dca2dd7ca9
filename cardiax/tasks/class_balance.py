"""Class balancing by weights or resampling: pure functions of the classes of the training split."""

import numpy as np

from cardiax.random_streams import stream


def class_shares(targets: np.ndarray, classes: int, power: float) -> np.ndarray:
    """Return the weight of each class, float64 (classes,): (its share of `targets`)^-power, with mean 1 over examples.

    Power 0 gives equal weights to all examples, power 1 equal total weights to all classes. An absent class has
    weight 0.
    """
    counts = np.bincount(targets, minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)
    return weights * counts.sum() / (weights @ counts)


def resampled(targets: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Return int64 indices of `per_class` random examples of each class in targets (n,), sorted within each class.

    A class with more examples is subsampled; of one with fewer, all examples are used and some are repeated.
    """
    chosen = []
    for label in np.unique(targets):
        members = np.flatnonzero(targets == label)
        random = stream("class resampling", seed, label).random_raw(len(members))
        drawn = members[np.argsort(random, kind="stable")]
        chosen.append(np.sort(np.resize(drawn, per_class)))
    return np.concatenate(chosen)
