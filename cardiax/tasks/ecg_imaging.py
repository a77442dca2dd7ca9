"""ECG imaging: the tasks `activation` and `transmembrane`.

Both predict from the 12-lead ECG, float32 (500, 12) in mV at 1 kHz, for the 75 sites of
`cardiax.ecg.leads.SITE_NAMES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW, Dataset
from cardiax.config import AugmentationConfig, Config
from cardiax.ecg.augmentation import delay, drop_lead, electrode_gain, electrode_mixing, lead_noise, rescale_time
from cardiax.ecg.leads import LEADS, SITE_NAMES, twelve_leads
from cardiax.ecg.recorded_noise import add_noise, noise_of_twelve_leads
from cardiax.ecg.voltage import activation_time, apd90
from cardiax.errors import InputError
from cardiax.losses import mean_huber
from cardiax.stats.regression import error_sums, regression_metrics
from cardiax.tasks.site_report import SiteReport
from cardiax.tasks.task import Loss, Task

CHUNK = 256
"""Number of recordings whose activation times are computed at once: 38 MB of voltages."""


@dataclass(frozen=True)
class TwelveLeads(Task):
    """The common part of both tasks, and of one of your own with other values at the sites."""

    name: str
    summary: str

    kind = "intracardiac"
    evaluation_batch = 64
    outputs = len(SITE_NAMES)
    meaningless = (
        "label_smoothing",
        "balance",
        "per_class",
        "augmentation.warp",
        "augmentation.mixup",
        "augmentation.rotate_leads",
        "augmentation.fibrillation",
        "augmentation.pauses",
    )
    units: ClassVar[dict[str, str]]
    """Quantity → unit: the keys of `summarize` that hold `error_sums` (n, 75, 5); the first one selects checkpoints."""
    delta: ClassVar[float]
    """Threshold of the Huber loss, in the unit of the target."""
    needs_voltages: ClassVar[bool] = False
    """True if activation times alone are not enough."""

    @property
    def selection(self) -> str:
        return f"{next(iter(self.units))}_mae"

    @property
    def report(self) -> SiteReport:
        return SiteReport(self.units)

    def shapes(self, dataset: Dataset) -> dict[str, tuple[int, ...]]:
        del dataset
        return {"leads": (WINDOW, len(LEADS))}

    def check(self, dataset: Dataset) -> None:
        if dataset.kind == self.kind and not dataset.voltages and self.needs_voltages:
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found activation times of 75 sites, expected "
                f"their voltages; choose another --dataset, e.g. {dataset.name.partition('/')[0]}"
            )
        if dataset.kind != self.kind:
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found no electrodes or no voltages of 75 "
                "sites, expected both; choose another --dataset"
            )

    def augment(
        self, key: jax.Array, inputs: dict[str, jax.Array], target: jax.Array, config: AugmentationConfig
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """Return `leads` (500, 12), mV, and target of one training example after random augmentation; pure.

        Time is scaled, the recording delayed, gains of electrodes changed, electrodes mixed, noise added and a lead set
        to 0, as enabled in `config`.
        """
        leads = inputs["leads"]
        stretch_key, shift_key, gain_key, noise_key, drop_key = jax.random.split(key, 5)
        if config.stretch:
            factor = jax.random.uniform(stretch_key, minval=1 - config.stretch, maxval=1 + config.stretch)
            leads, target = rescale_time(leads, factor), self.rescaled(target, factor)
        if config.shift:
            samples = jax.random.randint(shift_key, (), 0, config.shift + 1)
            leads, target = delay(leads, samples, config.shift), self.delayed(target, samples, config.shift)
        if config.electrode_gain:
            leads = electrode_gain(gain_key, leads, config.electrode_gain)
        if config.electrode_mixing:
            leads = electrode_mixing(jax.random.fold_in(gain_key, 1), leads, config.electrode_mixing)
        if config.noise:
            leads = lead_noise(noise_key, leads, config.noise)
        if config.drop_lead:
            leads = drop_lead(drop_key, leads, config.drop_lead)
        return {"leads": leads}, target

    def with_noise(
        self, inputs: dict[str, np.ndarray], noise: np.ndarray, index: np.ndarray
    ) -> Callable[[float], dict[str, np.ndarray]]:
        leads = inputs["leads"]
        at_zero = noise_of_twelve_leads(leads, noise, index)
        return lambda decibels: {"leads": add_noise(leads, at_zero, decibels)}

    def without_leads(self, inputs: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
        """Return lead → the inputs in which this lead is 0."""
        return {lead: {"leads": inputs["leads"] * (np.arange(len(LEADS)) != index)} for index, lead in enumerate(LEADS)}

    def rescaled(self, target: jax.Array, factor: jax.Array) -> jax.Array:
        """Return the target of leads that are stretched in time by `factor`: times (75,), ms, or values (500, 75)."""
        return target * factor if target.ndim == 1 else rescale_time(target, factor)

    def delayed(self, target: jax.Array, samples: jax.Array, limit: int) -> jax.Array:
        """Return the target of leads that are delayed by `samples` ms, at most `limit`; see `rescaled`."""
        return target + samples if target.ndim == 1 else delay(target, samples, limit)

    def training_loss(self, config: Config, targets: np.ndarray) -> Loss:
        """Return the mean Huber loss over the finite targets: outputs and target (B, ...) → (B,)."""
        del config, targets
        return partial(mean_huber, delta=self.delta)

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        scalars = {"loss": figures["loss"]}
        for quantity in self.units:
            metrics = regression_metrics(figures[quantity].sum(axis=(0, 1), dtype=np.float64))
            scalars |= {f"{quantity}_{name}": float(metrics[name]) for name in ("mae", "rmse")}
        return scalars


@dataclass(frozen=True)
class Activation(TwelveLeads):
    """The activation time of each site: (500, 12) mV → (75,) ms, interpolated between samples; NaN if never active."""

    units: ClassVar[dict[str, str]] = {"activation": "ms"}
    delta = 1.0

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset) -> dict[str, np.ndarray]:
        """Return `leads` float32 (n, 500, 12), mV, and `target` float32 (n, 75), ms.

        The examples have `electrodes` (n, 500, 10), mV, and `voltage` (n, 500, 75), mV, or `activation` (n, 75), ms.
        """
        leads = twelve_leads(examples["electrodes"].astype(np.float32))
        if not dataset.voltages:
            return {"leads": leads, "target": examples["activation"]}
        voltage = examples["voltage"]
        times = [activation_time(voltage[i : i + CHUNK]) for i in range(0, len(voltage), CHUNK)]
        return {"leads": leads, "target": np.concatenate(times)}

    def measure(self, times: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """Return the `loss` of each example (B,) and `activation`, the `error_sums` of each site (B, 75, 5)."""
        return {"loss": mean_huber(times, target, self.delta), "activation": error_sums(times, target)}


@dataclass(frozen=True)
class Transmembrane(TwelveLeads):
    """The transmembrane voltage of each site: (500, 12) mV → (500, 75) mV."""

    units: ClassVar[dict[str, str]] = {"voltage": "mV", "activation": "ms", "apd90": "ms"}
    delta = 5.0
    needs_voltages = True

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset) -> dict[str, np.ndarray]:
        """Return `leads` float32 (n, 500, 12) and `target` float32 (n, 500, 75), both in mV."""
        del dataset
        return {"leads": twelve_leads(examples["electrodes"]), "target": examples["voltage"]}

    def measure(self, voltage: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """Return the values that evaluation stores for each example.

        They are `loss` (B,); the `error_sums` (B, 75, 5) of `voltage`, summed over time, and of `activation` and
        `apd90`, where both predicted and true voltage have one; bool (B, 75): `active`, True if the site truly
        activates, and `found`, True if it also does in the prediction.
        """
        times, true_times = activation_time(voltage), activation_time(target)
        active = jnp.isfinite(true_times)
        return {
            "loss": mean_huber(voltage, target, self.delta),
            "voltage": jnp.sum(error_sums(voltage, target), axis=1),
            "activation": _where_read(times, true_times),
            "apd90": _where_read(apd90(voltage), apd90(target)),
            "active": active,
            "found": active & jnp.isfinite(times),
        }


def _where_read(read: jax.Array, true: jax.Array) -> jax.Array:
    """Return `error_sums` where both values exist; `found` reports the sites that have no predicted value."""
    return error_sums(read, jnp.where(jnp.isnan(read), jnp.nan, true))
