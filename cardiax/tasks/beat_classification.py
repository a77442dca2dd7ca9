"""Classification of single beats: the tasks `heartbeat` and `arrhythmia`."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cardiax.catalog import WINDOW_AFTER, WINDOW_BEFORE, WINDOW_LEADS, Dataset
from cardiax.config import AugmentationConfig, Config
from cardiax.ecg.augmentation import drop_lead, lead_noise, lead_rotation, stretch_time, warp_amplitude, white_noise
from cardiax.ecg.recorded_noise import add_noise, add_noise_to_beats, noise_of_beats, noise_of_windows
from cardiax.ecg.rr_features import RR_FEATURES, against_median_beat, rr_features
from cardiax.errors import InputError
from cardiax.losses import cross_entropy
from cardiax.simulate.rhythms import Rhythm, fibrillation, pauses
from cardiax.stats.classification import METRICS, classification_metrics, confusion_matrix
from cardiax.tasks.class_balance import class_shares
from cardiax.tasks.class_report import ClassReport
from cardiax.tasks.task import Loss, Task


@dataclass(frozen=True)
class Classification(Task):
    """Classification of a beat into one of C classes.

    A beat is either as a table has it, `leads` float32 (T, L), scaled to 0 … 1 and possibly zero-padded, e.g. (187, 1)
    in Kaggle's form, or a window around an R peak: `leads` and `deviation` (T, L) and `rr` (22,), see `arrays`.

    Attributes:
      classes: names of the C classes; target i is `classes[i]`.
      normal: class of sinus beats.
      supraventricular: class of supraventricular ectopic beats.
      merged: class names of a dataset → for each of them the class of this task.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    normal: str
    supraventricular: str
    merged: dict[tuple[str, ...], tuple[str, ...]]

    kind = "beat"
    evaluation_batch = 1024
    selection = "macro_f1"
    higher_is_better = True
    meaningless = ("augmentation.shift", "augmentation.electrode_mixing")

    @property
    def report(self) -> ClassReport:
        return ClassReport({}, classes=self.classes)

    def shapes(self, dataset: Dataset) -> dict[str, tuple[int, ...]]:
        if not dataset.by_record:
            return {"leads": dataset.shape}
        window = (WINDOW_BEFORE + WINDOW_AFTER, WINDOW_LEADS)
        return {"leads": window, "deviation": window, "rr": (len(RR_FEATURES),)}

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def of(self, dataset: Dataset) -> "Classification":
        """Return the task for the classes of a dataset of your own; of any other, the task itself.

        A task of two classes takes the two of the dataset, or of AAMI's N as `normal` and the others as its other
        class.
        """
        if not dataset.own or dataset.classes == self.classes:
            return self
        if self.merged and dataset.aami and len(dataset.classes) > 2:
            ours = tuple(self.classes[name != dataset.normal] for name in dataset.classes)
            return dataclasses.replace(self, merged=self.merged | {dataset.classes: ours})
        if self.merged and len(dataset.classes) != len(self.classes):
            return self
        summary = f"class of a beat: {', '.join(dataset.classes)}"
        return dataclasses.replace(self, summary=summary, classes=dataset.classes, normal=dataset.normal, merged={})

    def check(self, dataset: Dataset) -> None:
        if dataset.kind != self.kind:
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found no labelled beats, expected some; choose "
                "another --dataset"
            )
        if dataset.classes != self.classes and dataset.classes not in self.merged:
            other = ", or the task arrhythmia" if dataset.own else ""
            raise InputError(
                f"task {self.name!r} cannot learn from {dataset.name}: found labels {', '.join(dataset.classes)}, "
                f"expected {', '.join(self.classes)}; choose another --dataset{other}"
            )

    def arrays(self, beats: dict[str, np.ndarray], dataset: Dataset) -> dict[str, np.ndarray]:
        """Return the model's inputs and targets for a dataset that passes `check`.

        Args:
          beats: `label` int (n,), indices into the dataset's classes, and either `beat` float32 (n, 187) or (n, T, L),
            or `signal` float32 (n, T, L), mV, `intervals` (n, 3), s, and `record` (n,), complete records in temporal
            order.

        Returns:
          `target` int32 (n,), indices into the task's classes, and float32 inputs. For `beat` these are `leads`
          (n, 187, 1) or (n, T, L). For `signal` they are `leads` and their `deviation` from the record's median beat
          (n, T, L), and the RR features `rr` (n, 22), see `cardiax.ecg.rr_features`.
        """
        ours = self.merged.get(dataset.classes, dataset.classes)
        targets = np.asarray([self.classes.index(name) for name in ours], np.int32)[beats["label"]]
        if "signal" not in beats:
            return {"leads": beats["beat"].reshape(len(targets), *dataset.shape), "target": targets}
        leads, deviation = against_median_beat(beats["signal"], beats["record"])
        rr = rr_features(beats["intervals"], beats["record"])
        return {"leads": leads, "deviation": deviation, "rr": rr, "target": targets}

    def augment(
        self, key: jax.Array, beat: dict[str, jax.Array], target: jax.Array, config: AugmentationConfig
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """Return the inputs of one training beat and its class after random augmentation; pure.

        Each lead of a window is changed independently, and its deviation from the median beat in the same way. Windows
        are not stretched in time, since this would contradict the RR features. `drop_lead` sets the second lead to 0,
        as in a recording with a single lead, never the first. `rotate_leads` comes before all others. Raises
        `InputError` if `config` enables a simulated rhythm, or needs a second lead, and the beat is not a window.
        """
        stretch_key, warp_key, noise_key = jax.random.split(key, 3)
        gain_key, rhythm_key, pause_key, drop_key = (jax.random.fold_in(key, index) for index in (3, 4, 5, 6))
        if "rr" in beat:
            leads, rest, rr = beat["leads"], beat["deviation"], beat["rr"]
            if config.rotate_leads:
                rotation = lead_rotation(jax.random.fold_in(key, 7), config.rotate_leads)
                leads, rest = leads @ rotation, rest @ rotation
            if config.electrode_gain:
                gain = 1 + config.electrode_gain * jax.random.normal(gain_key, (1, leads.shape[1]))
                leads, rest = gain * leads, gain * rest
            if config.warp:
                keys = jax.random.split(warp_key, leads.shape[1])
                warp = jax.vmap(warp_amplitude, (0, 1, None), 1)
                leads, rest = warp(keys, leads, config.warp), warp(keys, rest, config.warp)
            if config.noise:
                noise = lead_noise(noise_key, leads, config.noise) - leads
                leads, rest = leads + noise, rest + noise
            if config.drop_lead:
                leads, rest = (drop_lead(drop_key, one, config.drop_lead, first=1) for one in (leads, rest))
            usual = target == self.classes.index(self.normal)
            if config.fibrillation:
                rr, target = self._with_rhythm(rhythm_key, rr, target, fibrillation(), config.fibrillation * usual)
            if config.pauses:
                rr, target = self._with_rhythm(pause_key, rr, target, pauses(), config.pauses * usual)
            return {"leads": leads, "deviation": rest, "rr": rr}, target
        second = "a second lead"
        needs = {"fibrillation": "RR features", "pauses": "RR features", "drop_lead": second, "rotate_leads": second}
        for name, what in needs.items():
            if getattr(config, name):
                raise InputError(
                    f"augmentation.{name}: found beats without {what}, expected some with it, as in --dataset "
                    "physionet_mitbih/patient; set it to 0"
                )

        def augmented(lead: int, signal: jax.Array) -> jax.Array:
            own = [jax.random.fold_in(one, lead) if lead else one for one in (gain_key, warp_key, noise_key)]
            if config.electrode_gain:
                signal = signal * (1 + config.electrode_gain * jax.random.normal(own[0]))
            if config.stretch:
                signal = stretch_time(stretch_key, signal, config.stretch)  # the same in all leads
            if config.warp:
                signal = warp_amplitude(own[1], signal, config.warp)
            if config.noise:
                signal = white_noise(own[2], signal, config.noise)
            return signal

        leads = [augmented(lead, signal) for lead, signal in enumerate(beat["leads"].T)]
        return {"leads": jnp.stack(leads, axis=1)}, target

    def _with_rhythm(
        self, key: jax.Array, rr: jax.Array, target: jax.Array, rhythm: Rhythm, probability: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """With the given probability, replace RR features (22,) and class by those of a beat in a simulated rhythm."""
        whether_key, which_key = jax.random.split(key)
        index = jax.random.randint(which_key, (), 0, len(rhythm.features))
        simulated = jnp.asarray(rhythm.features)[index].astype(rr.dtype)
        ectopic = jnp.asarray(rhythm.supraventricular)[index]
        normal, other = self.classes.index(self.normal), self.classes.index(self.supraventricular)
        kind = jnp.where(ectopic, other, normal).astype(target.dtype)
        whether = jax.random.bernoulli(whether_key, probability)
        return jnp.where(whether, simulated, rr), jnp.where(whether, kind, target)

    def with_noise(
        self, inputs: dict[str, np.ndarray], noise: np.ndarray, index: np.ndarray
    ) -> Callable[[float], dict[str, np.ndarray]]:
        """See `Task`; the leads of a window and their deviations get the same noise."""
        leads = inputs["leads"]
        if "rr" not in inputs:
            at_zero = noise_of_beats(leads, noise, index)
            return lambda decibels: {"leads": add_noise_to_beats(leads, at_zero, decibels)}
        at_zero = noise_of_windows(leads, noise, index)
        names = ("leads", "deviation")
        return lambda decibels: inputs | {name: add_noise(inputs[name], at_zero, decibels) for name in names}

    def shares(self, config: Config, targets: np.ndarray) -> np.ndarray | None:
        if config.balance != "sampling":
            return None
        return class_shares(targets, self.outputs, config.balance_power)[targets]

    def training_loss(self, config: Config, targets: np.ndarray) -> Loss:
        """Return the loss of `config` for training targets (n,): logits (B, C), target (B,) → (B,), in nats."""
        power = config.balance_power if config.balance == "weights" else 0.0
        weights = jnp.asarray(class_shares(targets, self.outputs, power), jnp.float32)

        def loss(logits: jax.Array, target: jax.Array) -> jax.Array:
            return weights[target] * cross_entropy(logits, target, config.label_smoothing)

        return loss

    def combine(self, logits: jax.Array) -> jax.Array:
        """Return ensemble logits (B, C), the logarithm of the mean probabilities of the members' logits (M, B, C)."""
        log_probabilities = jax.nn.log_softmax(logits, axis=-1)
        return jax.nn.logsumexp(log_probabilities, axis=0) - jnp.log(float(len(logits)))

    def measure(self, logits: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
        """Return `prediction`, `target` and `loss` (nats), each (B,), and `probabilities` (B, C) of each example."""
        return {
            "prediction": jnp.argmax(logits, axis=-1),
            "target": target,
            "loss": cross_entropy(logits, target),
            "probabilities": jax.nn.softmax(logits, axis=-1),
        }

    def summarize(self, measured: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the metrics of a split, `confusion` (C, C), and the values of `measure` for all its examples."""
        confusion = confusion_matrix(measured["target"], measured["prediction"], self.outputs)
        loss = float(np.mean(measured["loss"], dtype=np.float64))
        return measured | {"loss": loss, "confusion": confusion} | classification_metrics(confusion)

    def scalars(self, figures: dict[str, Any]) -> dict[str, float]:
        scalars = {name: float(figures[name]) for name in ("loss", "accuracy", "macro_f1", *METRICS)}
        return scalars | {f"f1_{name}": float(f1) for name, f1 in zip(self.classes, figures["f1"], strict=True)}
