"""How far to trust the classes of a network: its temperature, and when a class is uncertain."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax


@dataclass(frozen=True)
class ClassTrust:
    """Calibration of a network of classes. By default nothing is known of it.

    Attributes:
      temperature: T; the probabilities are softmax(logits / T).
      uncertain_below: largest probability below which a class is uncertain; 0 if nothing is known.
      usual_share: largest share of uncertain examples in a group (record) of the validation split; None if unknown.
    """

    temperature: float = 1.0
    uncertain_below: float = 0.0
    usual_share: float | None = None

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, C) of logits (n, C)."""
        return softmax(logits / np.asarray(self.temperature, logits.dtype), axis=1)

    def uncertain(self, probabilities: np.ndarray) -> np.ndarray:
        """Return which examples with probabilities (n, C) are uncertain, bool (n,)."""
        return probabilities.max(axis=1) < self.uncertain_below
