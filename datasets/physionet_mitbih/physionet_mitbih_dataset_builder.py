"""The MIT-BIH Arrhythmia Database from PhysioNet's records as TFDS: windows of beats, and Kaggle's rows by record."""

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from cardiax.catalog import BEAT_LENGTH
from cardiax.datasets.physionet_mitbih import mitbih_records
from cardiax.datasets.physionet_mitbih.kaggle_rows import kaggle_test_rows, rows
from cardiax.datasets.storage.wfdb_beats import WfdbBeats, read_records, windows
from cardiax.protocols import DS1, DS2


class Builder(WfdbBeats):
    """One beat per example, with its record, and the index, sample and symbol of its annotation.

    - `kaggle`: Kaggle's rows, bit-identical, in Kaggle's splits; `test` is in Kaggle's order.
    - `kaggle_patient`: the same rows for the records of DS1 and DS2 (de Chazal et al. 2004), in record order.
    - `patient`: the beats of DS1 and DS2 around the R peak from both leads, `signal` (192, 2), mV at 180 Hz, with the
      RR intervals `intervals` (3,), s: before the beat, after it, and the local mean.
    """

    DATABASE = mitbih_records.DATABASE
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS's own way)
        tfds.core.BuilderConfig(name="kaggle", description="Kaggle's rows in Kaggle's train and test."),
        tfds.core.BuilderConfig(name="kaggle_patient", description="Kaggle's rows by patient: DS1 and DS2."),
        tfds.core.BuilderConfig(name="patient", description="Beats around the R peak, both leads, by patient."),
    ]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return super()._shapes() if self.builder_config.name == "patient" else {"beat": (BEAT_LENGTH,)}

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        cut = windows if self.builder_config.name == "patient" else rows
        numbers = mitbih_records.RECORDS if self.builder_config.name == "kaggle" else sorted({*DS1, *DS2})
        folder, names = self.DATABASE.gather(self, dl_manager, list(map(str, numbers)))
        found: list[Any] = [one for record in read_records(self.DATABASE, folder, names) for one in cut(record)]
        if self.builder_config.name == "kaggle":
            index = {(row.record, row.annotation_index): row for row in found}
            test = [index.pop(key) for key in kaggle_test_rows()]
            sides = {"train": list(index.values()), "test": test}
        else:
            sides = {name: [row for row in found if row.record in side] for name, side in (("ds1", DS1), ("ds2", DS2))}
        return {name: self._generate_examples(name, side) for name, side in sides.items()}
