"""Loading of trained runs from their folders, ready to be evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np

from cardiax.catalog import WINDOW_LEADS
from cardiax.ecg.augmentation import noise_at
from cardiax.ecg.leads import LEADS
from cardiax.errors import InputError
from cardiax.launch.evaluation.run_report import Run
from cardiax.launch.networks.boosted_trees import TreesEvaluator, load_trees
from cardiax.launch.networks.trained import load_best
from cardiax.launch.run.environment import check_fingerprints, note_settings
from cardiax.launch.run.experiment import Evaluator, Experiment, load_experiments
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import Workdir
from cardiax.models import TREES
from cardiax.training.batch_order import Arrays
from cardiax.training.device_mesh import make_mesh
from cardiax.training.reproducible_step import fix_threads
from cardiax.training.state import evaluated


@dataclass(frozen=True)
class Corruption:
    """The corruption of twelve-lead inputs, or of beats of two leads.

    `noise` is the signal-to-noise ratio of white noise added to twelve leads, dB, or None. With `drop_lead`, lead i
    modulo 12 of case i is zero; of beats the second lead.
    """

    noise: float | None = None
    drop_lead: bool = False

    @property
    def name(self) -> str:
        """The suffix of file names."""
        return ("" if self.noise is None else f"_{self.noise:g}dB") + ("_drop_lead" if self.drop_lead else "")

    def apply(self, experiment: Experiment) -> Experiment:
        """Return the experiment with corrupted inputs (n, T, L); the noise of an example is always the same.

        Raises `InputError` if the examples have neither twelve leads nor, for `drop_lead`, two.
        """
        if not self.name:
            return experiment
        take, leads = experiment.examples.take, experiment.examples.shapes["leads"][-1]
        if leads != len(LEADS) and (leads != WINDOW_LEADS or self.noise is not None):
            raise InputError(
                f"evaluate: found --noise or --drop-lead and the task {experiment.config.task!r} on {leads} leads, "
                "expected twelve leads, or --drop-lead and beats of two leads; leave them out"
            )

        def corrupted(indices: np.ndarray) -> Arrays:
            arrays = take(indices)
            if leads == WINDOW_LEADS:
                first = np.arange(leads) == 0
                return arrays | {name: arrays[name] * first for name in ("leads", "deviation")}
            return arrays | {"leads": self._corrupted_leads(arrays["leads"], indices)}

        return replace(experiment, examples=replace(experiment.examples, take=corrupted), noises={})

    def _corrupted_leads(self, leads: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Corrupt the leads (..., 500, 12), mV, of the examples at `indices` (...)."""
        if self.noise is not None:
            many = leads.reshape(-1, *leads.shape[-2:])
            keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(0), indices.ravel())
            leads = np.asarray(_noise_at(keys, many, self.noise)).reshape(leads.shape)
        if self.drop_lead:
            gone = indices[..., None] % leads.shape[-1] == np.arange(leads.shape[-1])
            leads = np.where(gone[..., None, :], np.float32(0), leads)
        return leads


_noise_at = jax.jit(jax.vmap(noise_at, (0, 0, None)))


def load_runs(
    workdirs: Sequence[Workdir],
    data_dir: Path | None,
    corruption: Corruption = Corruption(),
    with_noise: bool = False,
    memory: float | None = None,
) -> list[Run]:
    """Load runs that differ only in the seed or the number of steps; they share the examples.

    Args:
      data_dir: folder of the prepared datasets; None for that of the first run.
      with_noise: True if `report` also evaluates with real noise, whatever the protocol of the runs.

    Raises:
      InputError: the dataset or split is not that of the runs, or a folder is not complete.
    """
    experiments = open_experiments(workdirs, data_dir, with_noise, memory)
    corrupted = corruption.apply(experiments[0])
    return [
        _load_run(workdir, replace(experiment, examples=corrupted.examples, noises=corrupted.noises), corruption.name)
        for workdir, experiment in zip(workdirs, experiments, strict=True)
    ]


def open_experiments(
    workdirs: Sequence[Workdir], data_dir: Path | None, with_noise: bool = False, memory: float | None = None
) -> list[Experiment]:
    """Load the data of runs without their networks; the arguments and errors are those of `load_runs`."""
    configs = [workdir.config() for workdir in workdirs]
    if configs[0].reproducible and (why := fix_threads(configs[0].reproducible)):
        say(f"note: {workdirs[0].path} is evaluated, but may be rounded otherwise: {why}")
    environments = [workdir.read_json("environment.json") for workdir in workdirs]
    if not (data_dir or isinstance(environments[0].get("data_dir"), str)):
        raise InputError(f"{workdirs[0].path / 'environment.json'}: found no data_dir, expected one; give --data-dir")
    experiments = load_experiments(configs, data_dir or Path(environments[0]["data_dir"]), say, with_noise, memory)
    for workdir, environment in zip(workdirs, environments, strict=True):
        check_fingerprints(workdir, environment, experiments[0].fingerprints)
        note_settings(workdir, environment)
    return experiments


def _load_run(workdir: Workdir, experiment: Experiment, suffix: str) -> Run:
    config = experiment.config
    if config.model in TREES:
        booster = load_trees(workdir)
        return Run(workdir, experiment, TreesEvaluator(experiment), booster, booster.num_boosted_rounds(), suffix)
    mesh = make_mesh()
    state = load_best(workdir, config, experiment.examples.shapes, experiment.model, mesh)
    return Run(workdir, experiment, Evaluator(experiment, mesh), evaluated(state), int(state.step), suffix)
