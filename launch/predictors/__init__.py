"""The network of a run, applied to recordings of one's own: one module for each kind of output."""

from pathlib import Path

from cardiax.catalog import find_dataset
from cardiax.errors import InputError
from cardiax.launch.networks.trained import find_network
from cardiax.launch.predictors.beat_rows import BeatRowsPredictor
from cardiax.launch.predictors.heart import HeartPredictor
from cardiax.launch.predictors.rhythm import RhythmPredictor


def open_predictor(folder: str | Path) -> HeartPredictor | RhythmPredictor | BeatRowsPredictor:
    """Return the predictor of the network in a folder, or of a name that `find_network` knows.

    Raises `InputError` if there is no such network, or it cannot read a recording.
    """
    network = find_network(folder)
    config = network.config
    if config.task in ("activation", "transmembrane"):
        return HeartPredictor(network)
    from cardiax.tasks import task_of
    from cardiax.tasks.beat_classification import Classification

    is_classification = isinstance(task_of(config), Classification)
    if is_classification and find_dataset(config.dataset).by_record:
        return RhythmPredictor(network)
    if is_classification:
        return BeatRowsPredictor(network)
    raise InputError(
        f"{network.path}: found a run of {config.task!r} on {config.dataset}, expected activation, transmembrane, "
        "arrhythmia or heartbeat"
    )
