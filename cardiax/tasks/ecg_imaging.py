"""Twelve leads to the heart: the objectives `activation` and `transmembrane`.

Both read the 12-lead ECG, float32 (500, 12) in mV at 1 kHz, and answer for the 75 sites of
`cardiax.ecg.leads.SITE_NAMES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW, Dataset
from cardiax.config import AugmentationConfig, Config, enabled
from cardiax.ecg.augmentation import delay, drop_lead, electrode_gain, lead_noise, rescale_time
from cardiax.ecg.leads import LEADS, SITE_NAMES, twelve_leads
from cardiax.ecg.voltage import activation_time, apd90
from cardiax.errors import InputError
from cardiax.losses import mean_huber
from cardiax.stats.regression import error_sums, regression_metrics

CHUNK = 256
"""Recordings whose activation times are read off at once: 38 MB of voltages."""


@dataclass(frozen=True)
class _TwelveLeads:
    """What both objectives share.

    Attributes:
      name: what the command line calls it.
      summary: the question that it answers.
    """

    name: str
    summary: str

    kind = "intracardiac"
    input_shape = (WINDOW, len(LEADS))
    outputs = len(SITE_NAMES)
    higher_is_better = False
    meaningless = (
        "label_smoothing",
        "balance",
        "per_class",
        "augmentation.warp",
        "augmentation.mixup",
        "augmentation.fibrillation",
        "augmentation.pauses",
    )
    units: ClassVar[dict[str, str]]
    """Quantity → unit: the keys of `summarize` that hold errors, the one that chooses the best checkpoint first."""

    @property
    def selection(self) -> str:
        """The validation figure that picks the best checkpoint, the lowest first."""
        return f"{next(iter(self.units))}_mae"

    def shape(self, dataset: Dataset) -> tuple[int, ...]:
        """Of one input that the task makes of the dataset."""
        del dataset
        return self.input_shape

    def check(self, dataset: Dataset) -> None:
        """Raise `InputError` where the dataset holds no intracardiac recordings."""
        if dataset.kind != self.kind:
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found no electrodes and voltages of 75 sites, "
                "expected them; choose another --dataset"
            )

    def augment(
        self, key: jax.Array, leads: jax.Array, target: jax.Array, config: AugmentationConfig
    ) -> tuple[jax.Array, jax.Array]:
        """One training example, leads (500, 12) mV and its target, slower, delayed, from electrodes elsewhere,
        with noise or without a lead; pure."""
        stretch_key, shift_key, gain_key, noise_key, drop_key = jax.random.split(key, 5)
        if enabled(config.stretch):
            factor = jax.random.uniform(stretch_key, minval=1 - config.stretch, maxval=1 + config.stretch)
            leads, target = rescale_time(leads, factor), self.rescaled(target, factor)
        if config.shift:
            samples = jax.random.randint(shift_key, (), 0, config.shift + 1)
            leads, target = delay(leads, samples, config.shift), self.delayed(target, samples, config.shift)
        if enabled(config.electrode_gain):
            leads = electrode_gain(gain_key, leads, config.electrode_gain)
        if enabled(config.noise):
            leads = lead_noise(noise_key, leads, config.noise)
        if enabled(config.drop_lead):
            leads = drop_lead(drop_key, leads, config.drop_lead)
        return leads, target

    def rescaled(self, target: jax.Array, factor: jax.Array) -> jax.Array:
        """The target of leads that run `factor` times as long."""
        raise NotImplementedError

    def delayed(self, target: jax.Array, samples: jax.Array, limit: int) -> jax.Array:
        """The target of leads that begin `samples` ms later, `limit` at most."""
        raise NotImplementedError

    def shares(self, config: Config, targets: np.ndarray) -> None:
        """Every example is drawn once an epoch."""
        del config, targets

    def combine(self, outputs: jax.Array) -> jax.Array:
        """The times (B, 75), ms, or voltages (B, 500, 75), mV, of an ensemble of M: the mean of (M, B, ...)."""
        return jnp.mean(outputs, axis=0)

    def summarize(self, measured: dict[str, np.ndarray]) -> dict[str, Any]:
        """The figures of a split: `loss`, and for each quantity the `error_sums` (n, 75, 5) of every case and site."""
        loss = float(np.mean(measured["loss"], dtype=np.float64))
        return measured | {"loss": loss}

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        """The figures of `summarize` that metrics.csv keeps: mean absolute and root mean square errors."""
        scalars = {"loss": figures["loss"]}
        for quantity in self.units:
            metrics = regression_metrics(figures[quantity].sum(axis=(0, 1), dtype=np.float64))
            scalars |= {f"{quantity}_{name}": float(metrics[name]) for name in ("mae", "rmse")}
        return scalars


@dataclass(frozen=True)
class Activation(_TwelveLeads):
    """When each site activates: (500, 12) mV → (75,) ms, interpolated between samples; NaN where a site never does."""

    units: ClassVar[dict[str, str]] = {"activation": "ms"}

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset) -> dict[str, np.ndarray]:
        """Examples for the model: `input` float32 (n, 500, 12), mV; `target` float32 (n, 75), ms.

        Args:
          examples: `electrodes` (n, 500, 10) and `voltage` (n, 500, 75), mV.
          dataset: where they come from.
        """
        del dataset
        voltage = examples["voltage"]
        times = [activation_time(voltage[i : i + CHUNK]) for i in range(0, len(voltage), CHUNK)]
        return {"input": _leads(examples), "target": np.concatenate(times)}

    def rescaled(self, target: jax.Array, factor: jax.Array) -> jax.Array:
        """Times (75,) are longer by the factor."""
        return target * factor

    def delayed(self, target: jax.Array, samples: jax.Array, limit: int) -> jax.Array:
        """Times (75,) move with the leads."""
        del limit
        return target + samples

    def training_loss(self, config: Config, targets: np.ndarray) -> Callable[[jax.Array, jax.Array], jax.Array]:
        """Huber's loss of the times, of threshold 1 ms, mean over the sites that activate, ms: (B, 75) → (B,)."""
        del config, targets
        return lambda times, target: mean_huber(times, target, delta=1.0)

    def measure(self, times: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """Of each example its loss (B,) and the `error_sums` of each site, `activation` (B, 75, 5)."""
        return {"loss": mean_huber(times, target, delta=1.0), "activation": error_sums(times, target)}


@dataclass(frozen=True)
class Transmembrane(_TwelveLeads):
    """The transmembrane voltage of each site: (500, 12) mV → (500, 75) mV."""

    units: ClassVar[dict[str, str]] = {"voltage": "mV", "activation": "ms", "apd90": "ms"}

    def arrays(self, examples: dict[str, np.ndarray], dataset: Dataset) -> dict[str, np.ndarray]:
        """Examples for the model: `input` float32 (n, 500, 12) and `target` float32 (n, 500, 75), both mV."""
        del dataset
        return {"input": _leads(examples), "target": examples["voltage"]}

    def rescaled(self, target: jax.Array, factor: jax.Array) -> jax.Array:
        """Voltages (500, 75) run as much longer."""
        return rescale_time(target, factor)

    def delayed(self, target: jax.Array, samples: jax.Array, limit: int) -> jax.Array:
        """Voltages (500, 75) move with the leads; before them the first sample lasts."""
        return delay(target, samples, limit)

    def training_loss(self, config: Config, targets: np.ndarray) -> Callable[[jax.Array, jax.Array], jax.Array]:
        """Huber's loss of the voltages, of threshold 5 mV, mean over time and sites, mV: (B, 500, 75) → (B,)."""
        del config, targets
        return lambda voltage, target: mean_huber(voltage, target, delta=5.0)

    def measure(self, voltage: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """Of each example its loss (B,) and the `error_sums` of each site (B, 75, 5): `voltage` summed over time,
        `activation` and `apd90` as read from the two voltages, where both can be read; and (B, 75) bool, `active`:
        the site truly activates, `found`: and so it does in the prediction.
        """
        times, true_times = activation_time(voltage), activation_time(target)
        active = jnp.isfinite(true_times)
        return {
            "loss": mean_huber(voltage, target, delta=5.0),
            "voltage": jnp.sum(error_sums(voltage, target), axis=1),
            "activation": _where_read(times, true_times),
            "apd90": _where_read(apd90(voltage), apd90(target)),
            "active": active,
            "found": active & jnp.isfinite(times),
        }


def _where_read(read: jax.Array, true: jax.Array) -> jax.Array:
    """`error_sums` of what can be read from both voltages; `found` counts the sites whose predicted one never rises."""
    return error_sums(read, jnp.where(jnp.isnan(read), jnp.nan, true))


def _leads(examples: dict[str, np.ndarray]) -> np.ndarray:
    return twelve_leads(examples["electrodes"])
