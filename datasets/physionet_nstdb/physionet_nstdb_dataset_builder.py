"""The noise recordings of the MIT-BIH Noise Stress Test Database as TFDS."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from cardiax.catalog import DATASETS
from cardiax.datasets.storage.manual_files import FromFiles
from cardiax.datasets.storage.wfdb_database import Database
from cardiax.ecg.recorded_noise import NOISES

SHAPE = (650_000, 2)

DATABASE = Database(
    name="nstdb",
    homepage="https://physionet.org/content/nstdb/1.0.0/",
    license="ODC-By 1.0",
    records=tuple(NOISES),
    endings=("hea", "dat"),
    rate=DATASETS["physionet_nstdb"].rate,
    shape=SHAPE,
)


class Builder(FromFiles, tfds.core.GeneratorBasedBuilder):
    """One noise recording per example: its `name`, and `signal` float32 (650000, 2), mV at 360 Hz."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"The files {', '.join(DATABASE.files)} of {DATABASE.homepage}, in the manual folder; without them they are "
        "downloaded."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    "signal": tfds.features.Tensor(shape=SHAPE, dtype=np.float32, encoding="bytes"),
                }
            ),
            homepage=DATABASE.homepage,
            license=DATABASE.license,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        folder, _ = DATABASE.gather(self, dl_manager)
        return {"noise": self._generate_examples(folder)}

    def _generate_examples(self, folder: Path) -> Iterator[tuple[int, dict]]:
        for key, name in enumerate(DATABASE.records):
            record, _ = DATABASE.read(folder, name)
            signal = (record.d_signal - np.asarray(record.baseline)) / np.asarray(record.adc_gain)
            yield key, {"name": name, "signal": signal.astype(np.float32)}
