"""The UCSD/LLNL "Dataset of Simulated Intracardiac Transmembrane Voltage Recordings and ECG Signals" as TFDS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from requests import RequestException
from tensorflow_datasets.core.download.util import DownloadError

from cardiax.datasets.storage import electrode_recording
from cardiax.datasets.storage.manual_files import FromFiles
from cardiax.datasets.ucsd_intracardiac import pairs
from cardiax.errors import InputError

HOMEPAGE = "https://doi.org/10.6075/J0SN094N"
URL = "https://library.ucsd.edu/dc/object/bb29449106/_{part}_1.tgz/download"
PARTS = range(2, 23)
"""Numbers of the archives; part 1 is the README."""

SHARD = 256
"""Number of recordings per file, 44 MB, which are in memory at once."""


class Builder(FromFiles, tfds.core.ShardBasedBuilder):
    """One simulated beat per example, in the order of file names.

    Features: `electrodes` (500, 10) and `voltage` (500, 75), float32, mV at 1 kHz, and `volunteer`, `pattern`,
    `innerindex`, `bcl`, `gkr` and `folder` from the file name (see
    `cardiax.datasets.storage.electrode_recording.Origin`). Split: `recordings`. `info.metadata` holds `counts`, `notes`
    (one line for each kind of fault) and `left_out` (every file that is not used, with the reason).

    Attributes:
      strict: True to raise an error for a file that would be left out.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"The 21 archives {URL.format(part='2…22')} (5.2 GB), or the folders in them, in the manual folder; without "
        "them they are downloaded."
    )
    strict = False

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=electrode_recording.features(),
            supervised_keys=("electrodes", "voltage"),
            homepage=HOMEPAGE,
            license="see the dataset's page",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={}, notes=[], left_out=[]),
        )

    def _example_writer(self) -> electrode_recording.Writer:
        return electrode_recording.Writer(self.info.file_format)  # pyright: ignore[reportArgumentType] (it is never None)

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator]]]:
        # The two files of a recording may be in two archives, so all are unpacked before the first is read.
        folder, files = self._find(dl_manager, pairs.is_ours, lambda: _download(dl_manager))
        files.raise_damaged()
        found, left_out = pairs.pair(files.files)
        sound = list(pairs.sound(found, left_out))
        left_out += files.left_out
        faults = [one for one in left_out if not _is_readme(one.shown)]
        if faults and (self.strict or (files.files and not sound)):
            first = faults[0]
            raise InputError(
                f"{first.shown}: {first.reason}; {len(faults)} such files and {len(sound)} sound recordings in "
                f"{folder}, expected complete pairs of pECGData_*.npy and VmData_*.npy; repair or remove them"
                + (", or leave --strict out" if sound else "")
            )
        if not sound:
            other = f" (but {faults[0].shown}: {faults[0].reason})" if faults else ""
            raise InputError(
                f"{folder}: found no pECGData_*.npy and VmData_*.npy{other}, expected both; see {HOMEPAGE}"
            )
        metadata = self.sources
        metadata["counts"]["recordings"] = [len(sound)]
        metadata["notes"] += pairs.summary(left_out, len(sound))
        metadata["left_out"] += [f"{one.shown}: {one.reason}" for one in left_out]
        return {"recordings": electrode_recording.shards(map(pairs.read, sound), len(sound), SHARD)}


def _download(dl_manager: tfds.download.DownloadManager) -> list[Path]:
    """Download the archives; TFDS stores them with their sizes and SHA-256 and skips those it already has."""
    try:
        parts: Any = dl_manager.download([URL.format(part=part) for part in PARTS])
    except (DownloadError, RequestException) as error:
        raise InputError(
            f"{HOMEPAGE}: found a failed download ({error}), expected all archives; run the same "
            "command again to fetch the missing ones, or fetch them by hand and give --manual-dir DIR"
        ) from error
    return [Path(path) for path in parts]


def _is_readme(shown: str) -> bool:
    """Return True for part 1 of the dataset, which is next to the recordings and is not a fault."""
    return shown.lower().endswith(".md") or "readme" in shown.lower().rpartition("/")[2]
