"""simulated_intracardiac: recordings of simulated hearts, which need no download.

Without a configuration those of `cardiax.simulate.heart_recording`, and `varied` those of
`cardiax.simulate.varied.varied_beats`.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tensorflow_datasets as tfds

from cardiax.datasets.storage import electrode_recording
from cardiax.datasets.storage.electrode_recording import ELECTRODE_PREFIX, VOLTAGE_PREFIX, Origin, tail
from cardiax.datasets.storage.manual_files import ArrayRecords
from cardiax.simulate.heart_geometry import Heart
from cardiax.simulate.patterns import Plan, plan
from cardiax.simulate.volunteers import VOLUNTEERS, volunteer

BEATS = 450
"""Number of beats per volunteer: each of the 75 sites stimulated three times, and 225 beats of activation patterns."""

VARIED_HEARTS, VARIED_BEATS = 10_000, 8
"""Number of hearts of the configuration `varied`, and of beats of each."""

VARIED_SEED = 2026
"""Seed of the key from which the hearts of `varied` are drawn."""

SHARD = 250
"""Number of hearts of `varied` in a file."""


VARIED = tfds.core.BuilderConfig(
    name="varied",
    version=tfds.core.Version("2.0.0"),
    release_notes={"2.0.0": "10,000 hearts of 8 beats; version 1.1.0 had 2,500 of 4."},
    description="Thousands of hearts, torsos and conductions, drawn anew.",
)


class Builder(ArrayRecords, tfds.core.ShardBasedBuilder):
    """Simulated recordings in the format of the UCSD/LLNL dataset: 16 hearts of different shapes, 450 beats each.

    The configuration `varied` has 10,000 hearts of 8 beats, with activation times in place of voltages.
    """

    @classmethod
    def get_builder_config(cls, name: str, version: Any = None) -> tfds.core.BuilderConfig | None:
        """Return the configuration `varied`.

        It is not in `BUILDER_CONFIGS`, because TFDS would then take the first of these where none is named.
        """
        del version
        return VARIED if name == VARIED.name else None

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=electrode_recording.times_features() if self.builder_config else electrode_recording.features(),
            supervised_keys=("electrodes", "activation" if self.builder_config else "voltage"),
            homepage="https://doi.org/10.6075/J0SN094N",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={"recordings": [self._count()]}),
        )

    def _count(self) -> int:
        return VARIED_HEARTS * VARIED_BEATS if self.builder_config else VOLUNTEERS * BEATS

    def _example_writer(self) -> electrode_recording.Writer:
        return electrode_recording.Writer(self.info.file_format)  # pyright: ignore[reportArgumentType] (it is never None)

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator]]]:
        del dl_manager  # nothing to fetch
        if self.builder_config:
            return {"recordings": [partial(_varied_shard, first) for first in range(0, VARIED_HEARTS, SHARD)]}
        recordings = simulate(BEATS, VOLUNTEERS)
        return {"recordings": electrode_recording.shards(recordings, VOLUNTEERS * BEATS, BEATS)}


def simulate(
    beats: int = BEATS, volunteers: int = VOLUNTEERS, heart: Heart | None = None
) -> Iterator[tuple[Origin, np.ndarray, np.ndarray]]:
    """Yield origin, electrodes (500, 10) and voltage (500, 75), float32, mV, of the first `beats` of each volunteer.

    Hearts are computed in parallel on up to four cores. `heart` is a mesh to stretch to the dimensions of each
    volunteer; by default each has a generated heart.
    """
    from cardiax.simulate.heart_recording import planned_beat, prepare_heart, simulate_beat
    from cardiax.simulate.tetrahedral_mesh import reshaped

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


def simulate_varied(first: int, last: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Simulate the hearts `first` … `last` - 1 of the configuration `varied`, in order, on up to four cores.

    Yielded are the number of a heart, from 1, electrodes (beats, 500, 10), mV, and activation times (beats, 75), ms.
    """
    from cardiax.simulate.varied.varied_beats import simulate_heart

    step = jax.jit(simulate_heart, static_argnums=1)
    key = jax.random.key(VARIED_SEED)

    def heart(number: int) -> tuple[int, np.ndarray, np.ndarray]:
        electrodes, times = step(jax.random.fold_in(key, number), VARIED_BEATS)
        return number + 1, np.asarray(electrodes), np.asarray(times)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(heart, range(first, last))


def _varied_shard(first: int) -> Iterator[tuple[int, dict]]:
    for number, electrodes, times in simulate_varied(first, min(first + SHARD, VARIED_HEARTS)):
        for beat in range(VARIED_BEATS):
            key = (number - 1) * VARIED_BEATS + beat
            yield (
                key,
                {"electrodes": electrodes[beat].astype(np.float16), "activation": times[beat], "volunteer": number},
            )


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
