"""Kaggle's "ECG Heartbeat Categorization Dataset" as TFDS: `kaggle_heartbeat/mitbih` and `kaggle_heartbeat/ptbdb`."""

# TFDS declares as optional what a builder always has, and gets some of its classes from code that it runs.
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from cardiax.catalog import BEAT_LENGTH, DATASETS
from cardiax.datasets.kaggle_heartbeat import csv_beats, download
from cardiax.datasets.kaggle_heartbeat.csv_beats import CsvFile, MissingFileError, Source


class Builder(tfds.core.GeneratorBasedBuilder):
    """One beat an example, in the order of Kaggle's CSV files.

    Features: `beat` (187,) float32 in [0, 1], `label` int64 (the class), `row` int64 (line of its CSV file, from 0).
    Splits: `train` and `test` of `mitbih`; `normal` and `abnormal` of `ptbdb`, which TFDS's own word `all` joins in
    that order. `info.metadata` holds what was read: `counts` (split -> rows of each class), `sha256` (file -> digest)
    and `notes` (one line for each file that differs from Kaggle's).
    """

    pkg_dir_path = epath.Path(__file__).parent  # TFDS would look in `cardiax/datasets`, and the sources lie elsewhere
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Beats, labels and row numbers, in file order."}  # noqa: RUF012 (TFDS's own way)
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="mitbih", description="MIT-BIH Arrhythmia Database: the five AAMI classes."),
        tfds.core.BuilderConfig(name="ptbdb", description="PTB Diagnostic ECG Database: normal or abnormal."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Fetch archive.zip from {csv_beats.HOMEPAGE} and put it, or the CSV files in it, into the manual folder."
    )

    def __init__(self, *, file_format: str | None = None, **kwargs):
        """As TFDS's, but array_record unless told otherwise: TFDS's own default, tfrecord, needs TensorFlow."""
        super().__init__(file_format=file_format or "array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "beat": tfds.features.Tensor(shape=(BEAT_LENGTH,), dtype=np.float32, encoding="bytes"),
            "label": tfds.features.ClassLabel(names=self._dataset.classes),
            "row": tfds.features.Scalar(dtype=np.int64),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("beat", "label"),
            homepage=csv_beats.HOMEPAGE,
            license="ODC-By 1.0 (derived from PhysioNet's MIT-BIH Arrhythmia and PTB Diagnostic ECG databases)",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={}, sha256={}, notes=[]),
        )

    @property
    def _dataset(self):
        return DATASETS[f"{self.name}/{self.builder_config.name}"]

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        files = csv_beats.FILES[self.builder_config.name]
        folder = _folder(dl_manager, files)
        generators = {}
        for file in files:
            source = csv_beats.find_csv(folder, file.name)
            if source is None:
                raise MissingFileError(
                    f"{file.name} is not in {folder}: fetch archive.zip from {csv_beats.HOMEPAGE}, put it (or the CSV "
                    f"files in it) there, then run `cardiax prepare {self._dataset.name} --manual-dir {folder} "
                    f"--data-dir {self.data_dir_root}`"
                )
            generators[file.split] = self._generate_examples(file, source)
        return generators

    def _generate_examples(self, file: CsvFile, source: Source) -> Iterator[tuple[int, dict]]:
        classes = self._dataset.classes
        counts = np.zeros(len(classes), np.int64)
        digest = hashlib.sha256()
        row = 0
        for beats, labels in csv_beats.read_beats(source, file.labels, digest):
            counts += np.bincount(labels, minlength=len(classes))
            for beat, label in zip(beats, labels, strict=True):
                yield row, {"beat": beat, "label": label, "row": row}
                row += 1
        published = self._dataset.counts.get(file.split) or self._dataset.counts["all"]
        metadata = self.info.metadata
        metadata["counts"][file.split] = counts.tolist()
        metadata["sha256"][file.name] = digest.hexdigest()
        metadata["notes"] += csv_beats.differences(file, counts.tolist(), published, classes, digest.hexdigest())


def _folder(dl_manager: tfds.download.DownloadManager, files: tuple[CsvFile, ...]) -> Path:
    """The folder to search: the manual one if it was given or holds a file of ours, else Kaggle's download."""
    download_dir = Path(dl_manager.download_dir)
    default = download_dir / "manual"  # TFDS's own
    try:
        manual_dir = Path(dl_manager.manual_dir)
    except AssertionError:  # TFDS's answer to a folder that does not exist or is empty
        manual_dir = default
    if manual_dir != default or any(csv_beats.find_csv(manual_dir, file.name) for file in files):
        return manual_dir
    if download.has_credentials() or (download_dir / download.TFDS_FOLDER).is_dir():
        return download.download(download_dir)
    return manual_dir
