"""Kaggle's "ECG Heartbeat Categorization Dataset" as TFDS: `kaggle_heartbeat/mitbih` and `kaggle_heartbeat/ptbdb`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from cardiax.catalog import BEAT_LENGTH, DATASETS
from cardiax.datasets.kaggle_heartbeat import csv_beats, download
from cardiax.datasets.kaggle_heartbeat.csv_beats import CsvFile
from cardiax.datasets.storage.manual_files import File, Found, FromFiles, MissingFileError
from cardiax.errors import InputError


class Builder(FromFiles, tfds.core.GeneratorBasedBuilder):
    """One beat per example, in the order of Kaggle's CSV files.

    Features: `beat` (187,) float32 in [0, 1], `label` int64 (the class), `row` int64 (row of its CSV file, from 0).
    Splits: `train` and `test` of `mitbih`; `normal` and `abnormal` of `ptbdb`, which TFDS's `all` joins in that order.
    `info.metadata` describes the source files: `counts` (split -> rows of each class), `sha256` (file -> digest) and
    `notes` (one line for each file that differs from Kaggle's).
    """

    RELEASE_NOTES = {"1.0.0": "Beats, labels and row numbers, in file order."}  # noqa: RUF012 (TFDS's own way)
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="mitbih", description="MIT-BIH Arrhythmia Database: the five AAMI classes."),
        tfds.core.BuilderConfig(name="ptbdb", description="PTB Diagnostic ECG Database: normal or abnormal."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Fetch archive.zip from {csv_beats.HOMEPAGE} and put it, or the CSV files in it, into the manual folder."
    )

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
        names = {file.name for file in files}
        folder, found = self._find(dl_manager, names.__contains__, lambda: _download(Path(dl_manager.download_dir)))
        generators = {}
        for file in files:
            source = found.pick(file.name, csv_beats.FETCH_AGAIN)
            if source is None:
                raise _missing(file.name, folder, found)
            generators[file.split] = self._generate_examples(file, source)
        return generators

    def _generate_examples(self, file: CsvFile, source: File) -> Iterator[tuple[int, dict]]:
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
        metadata = self.sources
        twin = next((name for name, known in metadata["sha256"].items() if known == digest.hexdigest()), None)
        if twin:
            raise InputError(f"{source}: found the same bytes as {twin}, expected {file.name}; {csv_beats.FETCH_AGAIN}")
        metadata["counts"][file.split] = counts.tolist()
        metadata["sha256"][file.name] = digest.hexdigest()
        metadata["notes"] += csv_beats.differences(file, counts.tolist(), published, classes, digest.hexdigest())


def _download(download_dir: Path) -> Path | None:
    """Return the folder of Kaggle's download if it is there or can be fetched, else None."""
    if download.has_credentials() or (download_dir / download.TFDS_FOLDER).is_dir():
        return download.download(download_dir)
    return None


def _missing(name: str, folder: Path, found: Found) -> InputError:
    """Return the error for a missing file, which names what was found in its place, if anything."""
    advice = (
        f"fetch archive.zip from {csv_beats.HOMEPAGE} and put it (or the CSV files in it) there, or name it with "
        "--manual-dir"
    )
    stem = name.partition(".")[0]
    for one in found.left_out:
        if one.damaged:
            return InputError(f"{one.shown}: not an archive that can be read ({one.reason}), expected {name}: {advice}")
    for one in found.left_out:
        if Path(one.shown).name.lower().startswith(stem):
            return InputError(f"{one.shown}: found {one.reason}, expected {name}: {advice}")
    return MissingFileError(f"{name} is not in {folder}: {advice}")
