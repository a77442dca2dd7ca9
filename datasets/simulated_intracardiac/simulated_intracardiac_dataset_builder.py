"""simulated_intracardiac: recordings from `cardiax.simulate.heart_recording`, which need no download."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from cardiax.datasets.storage import electrode_recording
from cardiax.datasets.storage.electrode_recording import ELECTRODE_PREFIX, VOLTAGE_PREFIX, Origin, tail
from cardiax.simulate.heart_geometry import Heart
from cardiax.simulate.patterns import Plan, plan
from cardiax.simulate.volunteers import VOLUNTEERS

BEATS = 450
"""Number of beats per volunteer: each of the 75 sites stimulated three times, and 225 beats of activation patterns."""


class Builder(tfds.core.ShardBasedBuilder):
    """Simulated recordings in the format of the UCSD/LLNL dataset: 16 hearts of different shapes, 450 beats each."""

    pkg_dir_path = epath.Path(__file__).parent  # TFDS would look in `cardiax/datasets`, but the sources are elsewhere
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 (TFDS's own way)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=electrode_recording.features(),
            supervised_keys=("electrodes", "voltage"),
            homepage="https://doi.org/10.6075/J0SN094N",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={"recordings": [VOLUNTEERS * BEATS]}),
        )

    def _example_writer(self) -> electrode_recording.Writer:
        return electrode_recording.Writer(self.info.file_format)  # pyright: ignore[reportArgumentType] (it is never None)

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator]]]:
        del dl_manager  # nothing to fetch
        recordings = simulate(BEATS, VOLUNTEERS)
        return {"recordings": electrode_recording.shards(recordings, VOLUNTEERS * BEATS, BEATS)}


def simulate(
    beats: int = BEATS, volunteers: int = VOLUNTEERS, heart: Heart | None = None
) -> Iterator[tuple[Origin, np.ndarray, np.ndarray]]:
    """Simulate the first `beats` of each volunteer, in order.

    Hearts are computed in parallel on up to four cores.

    Args:
      beats: number of beats per volunteer.
      volunteers: number of volunteers.
      heart: mesh to stretch to the dimensions of each volunteer; by default each has a generated heart.

    Yields:
      Origin, electrodes (500, 10) and voltage (500, 75), float32, mV.
    """
    import jax

    from cardiax.simulate.heart_recording import planned_beat, prepare_heart, simulate_beat
    from cardiax.simulate.tetrahedral_mesh import reshaped
    from cardiax.simulate.volunteers import volunteer

    step = jax.jit(simulate_beat)

    def recordings(number: int) -> list[tuple[Origin, np.ndarray, np.ndarray]]:
        person, found = volunteer(number), []
        prepared = prepare_heart(person, heart and reshaped(heart, person.shape))
        for index in range(beats):
            one = plan(number, index)
            electrodes, voltage, _ = step(prepared, planned_beat(one))
            found.append((_origin(one), np.asarray(electrodes), np.asarray(voltage)))
        return found

    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(recordings, number) for number in range(1, min(workers, volunteers) + 1))
        for number in range(workers + 1, workers + volunteers + 1):
            found = waiting.popleft().result()
            if number <= volunteers:
                waiting.append(pool.submit(recordings, number))
            yield from found


def write_raw(folder: Path, beats: int = BEATS, volunteers: int = VOLUNTEERS, heart: Heart | None = None) -> int:
    """Write recordings as float64 files like the UCSD/LLNL dataset's, one folder per series; return their number."""
    written = 0
    for origin, electrodes, voltage in simulate(beats, volunteers, heart):
        series = folder / origin.folder
        series.mkdir(parents=True, exist_ok=True)
        for prefix, values in ((ELECTRODE_PREFIX, electrodes), (VOLTAGE_PREFIX, voltage)):
            np.save(series / f"{prefix}{tail(origin)}.npy", values.astype(np.float64), allow_pickle=False)
        written += 1
    return written


def _origin(one: Plan) -> Origin:
    # Each repetition of a pattern is in its own series, so that no two recordings have the same name.
    series = f"geo_act_{one.repetition + 1}_bcl_gkr" if one.pattern >= 0 else f"geo_inn_act_{one.repetition + 1}_bcl"
    return Origin(
        volunteer=one.volunteer,
        pattern=one.pattern,
        innerindex=one.innerindex,
        bcl=one.bcl,
        gkr=one.gkr if one.pattern >= 0 else -1,
        folder=f"data_hearts_dd_0p2_{series}",
    )
