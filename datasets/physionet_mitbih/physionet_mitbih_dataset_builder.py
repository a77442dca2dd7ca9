"""The MIT-BIH Arrhythmia Database from PhysioNet's records as TFDS: windows of beats, and Kaggle's rows by record."""

# TFDS declares attributes as optional that a builder always has, and creates some of its classes at run time.
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from cardiax.catalog import BEAT_LENGTH, DATASETS, WINDOW_AFTER, WINDOW_BEFORE
from cardiax.datasets.physionet_mitbih import mitbih_records
from cardiax.datasets.physionet_mitbih.beat_windows import Window, windows
from cardiax.datasets.physionet_mitbih.kaggle_rows import Row, kaggle_test_rows, rows
from cardiax.datasets.storage.manual_files import FromFiles
from cardiax.protocols import DS1, DS2


class Builder(FromFiles, tfds.core.GeneratorBasedBuilder):
    """One beat per example, with its record, and the index, sample and symbol of its annotation.

    - `kaggle`: Kaggle's rows, bit-identical, in Kaggle's splits; `test` is in Kaggle's order.
    - `kaggle_patient`: the same rows for the records of DS1 and DS2 (de Chazal et al. 2004), in record order.
    - `patient`: the beats of DS1 and DS2 around the R peak from both leads, `signal` (192, 2), mV at 180 Hz, with the
      RR intervals `intervals` (3,), s: before the beat, after it, and the local mean.
    """

    pkg_dir_path = epath.Path(__file__).parent  # TFDS would look in `cardiax/datasets`, but the sources are elsewhere
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 (TFDS's own way)
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="kaggle", description="Kaggle's rows in Kaggle's train and test."),
        tfds.core.BuilderConfig(name="kaggle_patient", description="Kaggle's rows by patient: DS1 and DS2."),
        tfds.core.BuilderConfig(name="patient", description="Beats around the R peak, both leads, by patient."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"The files .hea, .dat and .atr of the {len(mitbih_records.RECORDS)} records of "
        f"{mitbih_records.DATABASE.homepage}, in the manual folder; without them they are downloaded."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        windowed = self.builder_config.name == "patient"
        shapes = (
            {"signal": (WINDOW_BEFORE + WINDOW_AFTER, 2), "intervals": (3,)} if windowed else {"beat": (BEAT_LENGTH,)}
        )
        features = {
            name: tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes")
            for name, shape in shapes.items()
        } | {
            "label": tfds.features.ClassLabel(names=self._dataset.classes),
            "record": tfds.features.Scalar(dtype=np.int64),
            "annotation_index": tfds.features.Scalar(dtype=np.int64),
            "sample": tfds.features.Scalar(dtype=np.int64),
            "symbol": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("signal" if windowed else "beat", "label"),
            homepage=mitbih_records.DATABASE.homepage,
            license="ODC-By 1.0",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={}, notes=[]),
        )

    @property
    def _dataset(self):
        return DATASETS[f"{self.name}/{self.builder_config.name}"]

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        cut = windows if self.builder_config.name == "patient" else rows
        numbers = mitbih_records.RECORDS if self.builder_config.name == "kaggle" else sorted({*DS1, *DS2})
        database = mitbih_records.DATABASE
        where, files = self._find(
            dl_manager,
            {name.lower() for name in database.files}.__contains__,
            lambda: database.download(Path(dl_manager.download_dir) / database.name),
        )
        folder = database.choose(where, files, [str(number) for number in numbers], self._scratch / "records")
        found: list[Any] = [one for record in mitbih_records.read(folder, numbers) for one in cut(record)]
        if self.builder_config.name == "kaggle":
            index = {(row.record, row.annotation_index): row for row in found}
            test = [index.pop(key) for key in kaggle_test_rows()]
            sides = {"train": list(index.values()), "test": test}
        else:
            sides = {name: [row for row in found if row.record in side] for name, side in (("ds1", DS1), ("ds2", DS2))}
        return {name: self._generate_examples(name, side) for name, side in sides.items()}

    def _generate_examples(self, split: str, found: list[Row] | list[Window]) -> Iterator[tuple[int, dict]]:
        counts = np.bincount([row.label for row in found], minlength=len(self._dataset.classes))
        for key, row in enumerate(found):
            yield key, vars(row)
        self.info.metadata["counts"][split] = counts.tolist()
