"""How far the activation times of a network can be trusted, as `cardiax export` measured it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.errors import InputError, raise_of_disk
from cardiax.stats.novelty import nearest_difference

TRUST = "trust.safetensors"
"""The file of a bundle that holds it."""

NO_TRUST = (
    "the times have no intervals, since the network has no trust.safetensors; where the data of its training are "
    "prepared, `cardiax export` measures it"
)
"""Note of a network of which it is not known how far it can be trusted."""


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of the errors of a network, of the 75 sites of `cardiax.ecg.leads.SITE_NAMES`.

    Attributes:
      half_width: float32 (75,), ms: a time of a case that training has not seen differs by no more from the true one,
        with probability `level`, if the case is like those of `calibrated_on`; infinite if that is not known.
      level: e.g. 0.9.
      calibrated_on: the cases from which the half widths are, in words.
      held: share of the times of `tested_on` that lie within the half widths that are finite; NaN if none is.
      tested_on: other cases, in words.
      training_times: (m, 75), ms, activation times of cases of training.
      limit: ms, the difference from the nearest of these that 99 % of the cases of `compared_with` do not exceed.
      compared_with: these cases, in words.
      least_share: share of the variance of the leads that 95 % of the predictions for 300 of the same cases explain on
        the generic heart, see `cardiax.simulate.generic_leads`; None in a file of an older version.
      true_share: the median share of the true times or voltages of these cases; None similarly.
    """

    half_width: np.ndarray
    level: float
    calibrated_on: str
    held: float
    tested_on: str
    training_times: np.ndarray
    limit: float
    compared_with: str
    least_share: float | None = None
    true_share: float | None = None

    @property
    def words(self) -> str:
        """How the half widths were found, and what they held."""
        if np.isnan(self.held):
            return f"the times have no intervals: no site was found often enough in {self.calibrated_on}"
        unbounded = int(np.sum(~np.isfinite(self.half_width)))
        return (
            f"the intervals are as wide as {100 * self.level:.0f} % of the errors on {self.calibrated_on}; they held "
            f"{100 * self.held:.0f} % of the times of {self.tested_on}, and may hold far fewer of others, such as "
            "a patient's" + (f"; {unbounded} of {len(self.half_width)} sites have none" if unbounded else "")
        )

    def difference(self, times: np.ndarray) -> float:
        """Return the difference, ms, of times (75,), ms, from the most alike of training, see `nearest_difference`."""
        return float(nearest_difference(times[None], self.training_times)[0])

    def warnings(self, difference: float) -> tuple[str, ...]:
        """Return the warning of a prediction whose `difference`, ms, is above the limit or infinite, if it is."""
        unlike = "unlike the ECGs that the network was trained on"
        if not np.isfinite(difference):
            return (f"{unlike}: fewer than half as many sites activate as there; do not trust their times",)
        if difference <= self.limit:
            return ()
        return (
            f"{unlike}: the times differ by {difference:.1f} ms from the most "
            f"alike of training, those of 99 % of validation ECGs by less than {self.limit:.1f} ms; do not trust them",
        )

    def explained(self, share: float) -> str:
        """Tell what a prediction explains of the recorded leads, a `share`, and what is usual."""
        told = f"the leads of a generic heart with this prediction explain {100 * share:.0f} % of the recorded ones"
        if self.least_share is None or self.true_share is None:
            return told
        return (
            f"{told} (variance, one gain for all); of the validation ECGs, 95 % of the predictions explain at least "
            f"{100 * self.least_share:.0f} %, and the true values {100 * self.true_share:.0f} % (median)"
        )

    def share_warnings(self, share: float) -> tuple[str, ...]:
        """Return the warning of a prediction whose `share` is less than `least_share`, if it is."""
        if self.least_share is None or share >= self.least_share:
            return ()
        return (f"{self.explained(share)}: the prediction does not fit the recording, do not trust it",)


def trust_file(trust: Trust) -> bytes:
    """Return the content of the file."""
    from safetensors.numpy import save

    words = {name: value for name, value in vars(trust).items() if not isinstance(value, np.ndarray)}
    arrays = {
        "half_width": trust.half_width.astype(np.float32),
        "training_times": trust.training_times.astype(np.float16),
    }
    return save(arrays, metadata={"trust": json.dumps(words)})


def read_trust(folder: Path) -> Trust | None:
    """Return what a bundle holds; None of a run, or of a bundle without it; `InputError` if the file cannot be read."""
    from safetensors import SafetensorError, safe_open

    path = folder / TRUST
    if not path.exists():
        return None
    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in ("half_width", "training_times")}
            found = Trust(**arrays, **json.loads(file.metadata()["trust"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise_of_disk(error, path)
        raise InputError(
            f"{path}: found no valid file ({error}), expected intervals; export the bundle again"
        ) from error
    sites = len(SITE_NAMES)
    if found.half_width.shape != (sites,) or found.training_times.shape[1:] != (sites,):
        raise InputError(
            f"{path}: found half_width {found.half_width.shape} and training_times {found.training_times.shape}, "
            f"expected ({sites},) and (m, {sites}); export the bundle again"
        )
    return found
