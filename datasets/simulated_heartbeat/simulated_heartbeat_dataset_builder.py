"""simulated_heartbeat: heartbeats from `cardiax.simulate.heartbeat`, which need no download."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow_datasets as tfds

from cardiax.catalog import AAMI_CLASSES, BEAT_LENGTH
from cardiax.datasets.storage.manual_files import ArrayRecords
from cardiax.simulate.heartbeat import class_counts, draw_labels, simulate_beats

SEED = 0
BEATS = {"train": 16_000, "test": 4_000}
CHUNK = 2_000
"""Number of beats computed at once; it divides every split, so that one compilation serves all and the dataset is
reproducible."""


class Builder(ArrayRecords, tfds.core.GeneratorBasedBuilder):
    """Simulated heartbeats in the format of Kaggle's MIT-BIH files; both splits share their subjects, as there."""

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "beat": tfds.features.Tensor(shape=(BEAT_LENGTH,), dtype=np.float32, encoding="bytes"),
                    "label": tfds.features.ClassLabel(names=AAMI_CLASSES),
                    "subject": tfds.features.Scalar(np.int64),
                }
            ),
            supervised_keys=("beat", "label"),
            homepage="https://doi.org/10.1109/TBME.2003.808805",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(
                counts={split: class_counts(beats).tolist() for split, beats in BEATS.items()}
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to fetch
        return {
            "train": self._generate_examples(0, BEATS["train"], split_number=0),
            "test": self._generate_examples(BEATS["train"], BEATS["test"], split_number=1),
        }

    def _generate_examples(self, first: int, beats: int, split_number: int) -> Iterator[tuple[int, dict]]:
        """Yield beats `first` ... `first + beats - 1` of one simulation; splits share subjects, but no beats."""
        beats_key, labels_key = jax.random.split(jax.random.key(SEED, impl="threefry2x32"))
        labels, subjects = draw_labels(jax.random.fold_in(labels_key, split_number), beats)
        indices = jnp.arange(first, first + beats)
        simulate = jax.jit(simulate_beats)
        for start in range(0, beats, CHUNK):
            chunk = slice(start, start + CHUNK)
            rows = np.asarray(simulate(beats_key, indices[chunk], labels[chunk], subjects[chunk]))
            for offset, (row, label, subject) in enumerate(
                zip(rows, np.asarray(labels[chunk]), np.asarray(subjects[chunk]), strict=True)
            ):
                yield start + offset, {"beat": row, "label": int(label), "subject": int(subject)}
