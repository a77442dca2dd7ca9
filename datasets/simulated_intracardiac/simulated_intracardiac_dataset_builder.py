"""simulated_intracardiac: recordings computed by `cardiax.simulate.intracardiac`, for when nothing has been
downloaded."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from cardiax.datasets import recording
from cardiax.datasets.recording import Origin
from cardiax.simulate.patterns import Plan, plan
from cardiax.simulate.volunteers import VOLUNTEERS

BEATS = 300
"""Beats a volunteer: each of the 75 sites stimulated twice, and 150 beats of the activation patterns."""


class Builder(tfds.core.GeneratorBasedBuilder):
    """Simulated recordings in the form of the UCSD/LLNL dataset: 16 hearts of different shape, 300 beats each."""

    pkg_dir_path = epath.Path(__file__).parent  # TFDS would look in `cardiax/datasets`, and the sources lie elsewhere
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 (TFDS's own way)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=recording.features(),
            supervised_keys=("electrodes", "voltage"),
            homepage="https://doi.org/10.6075/J0SN094N",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={"recordings": [VOLUNTEERS * BEATS]}),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to fetch
        return {"recordings": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        for key, (origin, electrodes, voltage) in enumerate(simulate()):
            yield key, {"electrodes": electrodes, "voltage": voltage, **vars(origin)}


def simulate(beats: int = BEATS, volunteers: int = VOLUNTEERS) -> Iterator[tuple[Origin, np.ndarray, np.ndarray]]:
    """Origin, electrodes (500, 10) and voltage (500, 75), float32 mV, of the first `beats` of each volunteer."""
    import jax

    from cardiax.simulate.intracardiac import planned_beat, prepare_heart, simulate_beat
    from cardiax.simulate.volunteers import volunteer

    step = jax.jit(simulate_beat)
    for number in range(1, volunteers + 1):
        heart = prepare_heart(volunteer(number))
        for index in range(beats):
            one = plan(number, index)
            electrodes, voltage, _ = step(heart, planned_beat(one))
            yield _origin(one), np.asarray(electrodes), np.asarray(voltage)


def write_raw(folder: Path, beats: int = BEATS, volunteers: int = VOLUNTEERS) -> int:
    """Write the recordings as the UCSD/LLNL dataset's files, float64, one folder a series; returns their number."""
    written = 0
    for origin, electrodes, voltage in simulate(beats, volunteers):
        series = folder / origin.folder
        series.mkdir(parents=True, exist_ok=True)
        for prefix, values in ((recording.ELECTRODE_PREFIX, electrodes), (recording.VOLTAGE_PREFIX, voltage)):
            np.save(series / f"{prefix}{recording.tail(origin)}.npy", values.astype(np.float64), allow_pickle=False)
        written += 1
    return written


def _origin(one: Plan) -> Origin:
    # A pattern comes up several times, each in a series of its own: no two recordings have the same name.
    series = f"geo_act_{one.repetition + 1}_bcl_gkr" if one.pattern >= 0 else f"geo_inn_act_{one.repetition + 1}_bcl"
    return Origin(
        volunteer=one.volunteer,
        pattern=one.pattern,
        innerindex=one.innerindex,
        bcl=one.bcl,
        gkr=one.gkr if one.pattern >= 0 else -1,
        folder=f"data_hearts_dd_0p2_{series}",
    )
