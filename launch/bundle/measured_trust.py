"""Measurement of how far the activation times of a network can be trusted, on cases that training has not seen."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cardiax import datasets
from cardiax.catalog import WINDOW
from cardiax.config import with_overrides
from cardiax.errors import InputError
from cardiax.launch.bundle.card import FILES
from cardiax.launch.bundle.golden import golden_inputs, prepared_experiment
from cardiax.launch.networks.bundle_files import CARD, SUMS
from cardiax.launch.networks.trained import TrainedNetwork
from cardiax.launch.networks.trust import TRUST, Trust, trust_file
from cardiax.launch.predictors.batches import in_batches
from cardiax.launch.predictors.heart import times_of
from cardiax.launch.predictors.influence import evenly
from cardiax.launch.run.experiment import Experiment, load_experiment
from cardiax.recipes import recipe
from cardiax.simulate.generic_leads import explained_leads
from cardiax.stats.conformal import conformal_quantile
from cardiax.stats.novelty import nearest_difference

TITLE = "How far to trust a prediction"
"""Heading of the section of the model card."""

LEVEL, LIKE, FITTING = 0.9, 0.99, 0.95
"""Share of times within the half widths, and of validation cases that are like those of training, and whose leads their
prediction explains well enough."""

COMPARED = 300
"""Largest number of validation cases whose leads are compared with those of the prediction, evenly spread."""

KEPT = 1900
"""Largest number of training cases whose times are kept, evenly spread: 285 kB."""

BATCH = 64
"""Number of cases in a call of the network."""

TASKS = ("activation", "transmembrane")
"""The tasks whose outputs have activation times."""

Network = Callable[[dict[str, np.ndarray]], np.ndarray]


def measure_trust(network: Network, own: Experiment, other: Experiment) -> Trust:
    """Measure how far the times of a network of the task activation or transmembrane can be trusted.

    Args:
      network: function from `leads` (n, 500, 12), mV, to times (n, 75), ms, or voltages (n, 500, 75), mV.
      own: the experiment that trained it.
      other: an experiment whose validation and test split it has not seen; `own`, or of another dataset.
    """
    lead_in = own.config.augmentation.shift // 2  # as `cardiax predict` shows it the beats of a recording
    found, true = _times(network, other, "validation", lead_in)
    half_width = conformal_quantile(_errors(found, true), LEVEL)
    errors = _errors(*_times(network, other, "test", lead_in))
    bounded = ~np.isnan(errors) & np.isfinite(half_width)
    known = evenly(own.split["train"], KEPT)
    training_times = np.concatenate(
        [times_of(own.examples.take(known[at : at + BATCH])["target"]) for at in range(0, len(known), BATCH)]
    ).astype(np.float16)
    like = found if other is own else _times(network, own, "validation", lead_in)[0]
    shares, true_shares = _shares(network, own, lead_in)
    return Trust(
        half_width=half_width.astype(np.float32),
        level=LEVEL,
        calibrated_on=_words(other, "validation"),
        held=float((errors <= half_width)[bounded].mean()) if bounded.any() else np.nan,
        tested_on=_words(other, "test"),
        training_times=training_times,
        limit=float(np.quantile(nearest_difference(like, training_times), LIKE, method="higher")),
        compared_with=_words(own, "validation"),
        least_share=float(np.quantile(shares, 1 - FITTING, method="lower")),
        true_share=float(np.median(true_shares)),
    )


def calibrated(
    source: TrainedNetwork, own: Experiment | None, data_dir: Path | None, dataset: str | None
) -> Trust | None:
    """Return the trust of a network; None of another task than activation and transmembrane, or without its data `own`.

    The intervals are from the validation split of `dataset`, by default that of `own`. Raises `InputError` if there is
    a `dataset`, but no trust.
    """
    config = source.config
    if config.task not in TASKS or own is None:
        if dataset is not None:
            raise InputError(
                f"--calibrate: found {source.path}, expected a network of the task {' or '.join(TASKS)} whose data are "
                "prepared; give their folder as --data-dir"
            )
        return None
    return measure_trust(source.predictor(), own, _unseen(own, data_dir, dataset))


def _unseen(own: Experiment, data_dir: Path | None, dataset: str | None) -> Experiment:
    """Return the experiment whose validation and test split the network of `own` has not seen."""
    if dataset in (None, own.config.dataset):
        return own
    config = with_overrides(recipe("activation", dataset), {"protocol": "volunteer", "imports": own.config.imports})
    return load_experiment(config, data_dir or datasets.default_data_dir(), print)


def bundle_with_trust(source: TrainedNetwork, data_dir: Path | None, dataset: str | None) -> dict[str, bytes]:
    """Return the files of a bundle, name → content, with its trust measured anew.

    Raises `InputError` if the network is of another task, or its golden inputs are not of the data in `data_dir`.
    """
    config, path = source.config, source.path
    if config.task not in TASKS:
        raise InputError(f"{path}: found a bundle, expected the folder of a run; copy the bundle instead")
    own = prepared_experiment(config, data_dir or datasets.default_data_dir())
    with np.load(path / "golden.npz", allow_pickle=False) as archive:
        golden = archive["leads"]
    if own is None or not np.allclose(golden_inputs(config, own)[0]["leads"], golden, atol=1e-4):
        raise InputError(
            f"{path}: found a bundle whose golden.npz is not of {config.dataset} as prepared here, expected the data "
            "that trained it; prepare them and give their folder as --data-dir"
        )
    trust = measure_trust(source.predictor(), own, _unseen(own, data_dir, dataset))
    files = {one.name: one.read_bytes() for one in sorted(path.iterdir()) if one.name != SUMS}
    card = with_section(files[CARD].decode(), section(trust))
    return files | {CARD: card.encode(), TRUST: trust_file(trust)}


def _outputs(
    network: Network, experiment: Experiment, rows: np.ndarray, lead_in: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield leads (n, 500, 12), mV, outputs and targets of the batches of some rows.

    The leads begin `lead_in` ms earlier than the targets.
    """
    for some in np.split(rows, range(BATCH, len(rows), BATCH)):
        examples = experiment.examples.take(some)
        leads = np.pad(examples["leads"], ((0, 0), (lead_in, 0), (0, 0)), mode="edge")[:, :WINDOW]
        for outputs in in_batches(network, {"leads": leads}, BATCH):
            yield leads, outputs, examples["target"]


def _times(network: Network, experiment: Experiment, split: str, lead_in: int) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and true times (n, 75), ms, of a split whose leads begin `lead_in` ms earlier."""
    found, true = [], []
    for _, outputs, target in _outputs(network, experiment, experiment.split[split], lead_in):
        found.append(times_of(outputs) - lead_in)
        true.append(times_of(target))
    return np.concatenate(found), np.concatenate(true)


def _shares(network: Network, own: Experiment, lead_in: int) -> tuple[list[float], list[float]]:
    """Return the shares of the leads that predictions and true values explain, of `COMPARED` validation cases."""
    found, true, rows = [], [], evenly(own.split["validation"], COMPARED)
    for leads, outputs, target in _outputs(network, own, rows, lead_in):
        for shares, values, delay in ((found, outputs, 0), (true, target, lead_in)):
            for one, times, recorded in zip(values, times_of(values) + delay, leads, strict=True):
                explained = explained_leads(times, one if one.ndim == 2 else None, recorded)
                shares.append(0.0 if explained is None else explained.share)
    return found, true


def _errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return absolute errors, ms; NaN where the site does not activate, infinite where only the prediction does not."""
    return np.where(np.isfinite(true) & ~np.isfinite(found), np.inf, np.abs(found - true))


def _words(experiment: Experiment, split: str) -> str:
    rows = experiment.split[split]
    hearts = len(np.unique(experiment.origin["volunteer"][rows]))
    return (
        f"{len(rows):,} cases of {hearts:,} hearts (the {split} split of {experiment.config.dataset} by "
        f"{experiment.protocol})"
    )


def section(trust: Trust) -> list[str]:
    """Return the lines of the model card that tell it, without the heading."""
    finite = trust.half_width[np.isfinite(trust.half_width)]
    if not len(finite) or np.isnan(trust.held):
        return [f"Not known: no site was found often enough in {trust.calibrated_on}."]
    low, median, high = np.quantile(finite, (0, 0.5, 1), method="nearest")
    unbounded = len(trust.half_width) - len(finite)
    without = f" {unbounded} sites have no half width, since they were found too rarely." if unbounded else ""
    fitting = []
    if trust.least_share is not None and trust.true_share is not None:
        fitting = [
            "",
            "`cardiax predict` also warns if the leads that the prediction gives on a generic heart explain less than "
            f"{100 * trust.least_share:.0f} % of the variance of the recorded ones, with one gain for all leads, as "
            f"for 5 % of these validation cases (up to {COMPARED} of them). Their true values explain "
            f"{100 * trust.true_share:.0f} % (median): 75 sites are few, and no heart and torso are the generic ones.",
        ]
    limit = f"by more than {trust.limit:.1f} ms" if np.isfinite(trust.limit) else "in that most sites do not activate"
    return [
        f"`trust.safetensors` has a half width for each site, {median:.1f} ms at the median site, {low:.1f} to "
        f"{high:.1f} ms over the sites: {100 * trust.level:.0f} % of the errors on {trust.calibrated_on} are no larger "
        "(split conformal prediction). Cases of one heart are correlated, so of few hearts the share on others "
        f"differs: of the times of {trust.tested_on}, the intervals held {100 * trust.held:.1f} %. They are not for "
        f"hearts of another kind, such as a patient's.{without}",
        "",
        "`cardiax predict` warns if the times differ from those of the most alike training case "
        f"{limit} (standard deviation over the sites, so a common delay counts nothing). Of "
        f"{trust.compared_with}, {'99 % differ by less' if np.isfinite(trust.limit) else 'over 1 % do too'}.",
        *fitting,
    ]


def with_section(card: str, lines: list[str]) -> str:
    """Return a model card that lists the file, with these lines as its section `TITLE`, before the data.

    An earlier section is replaced.
    """
    if f"- `{TRUST}`" not in card:
        card = card.replace("- `sums.json`", f"- `{TRUST}`: {FILES[TRUST]}\n- `sums.json`", 1)
    before, heading, after = card.partition("\n## Data\n")
    before = before.partition(f"\n## {TITLE}\n")[0]
    return "\n".join([before, f"## {TITLE}", "", *lines, ""]) + heading + after
