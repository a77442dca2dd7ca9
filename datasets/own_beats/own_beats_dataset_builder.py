"""Your own beats as TFDS: one configuration for each content of a table or a folder of records."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cardiax.catalog import WINDOW_AFTER, WINDOW_BEFORE, WINDOW_LEADS, describe, find_dataset
from cardiax.datasets.own_beats.own_files import OwnBeats
from cardiax.datasets.storage.manual_files import ArrayRecords
from cardiax.datasets.storage.record_files import prepare_command
from cardiax.errors import InputError

READ: dict[str, OwnBeats] = {}
"""Name of a dataset → its beats, which are put here before it is prepared."""


class Builder(ArrayRecords, tfds.core.GeneratorBasedBuilder):
    """One beat per example; its features are those of `cardiax.datasets.own_beats.own_files.OwnBeats.examples`."""

    def __init__(self, *, config: Any = None, **kwargs):
        """As TFDS's, with a configuration of any name."""
        super().__init__(config=tfds.core.BuilderConfig(name=config) if isinstance(config, str) else config, **kwargs)

    def _create_builder_config(self, builder_config: Any, version: Any) -> Any:
        """Take any configuration; TFDS would warn of each."""
        del version
        return builder_config

    def _info(self) -> tfds.core.DatasetInfo:
        dataset = find_dataset(f"{self.name}/{self.builder_config.name}")
        shapes: dict[str, tuple[int, ...]] = {"beat": dataset.shape}
        features: dict[str, Any] = {}
        if dataset.by_record:
            shapes = {"signal": (WINDOW_BEFORE + WINDOW_AFTER, WINDOW_LEADS), "intervals": (3,)}
            features = {name: tfds.features.Scalar(dtype=np.int64) for name in ("annotation_index", "sample")}
            features |= {name: tfds.features.Text() for name in ("record", "symbol")}
        if "group" in dataset.protocols:
            features["group"] = tfds.features.Text()
        features |= {
            name: tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes")
            for name, shape in shapes.items()
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                features | {"label": tfds.features.ClassLabel(num_classes=len(dataset.classes))}
            ),
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(counts={}, notes=[], source="", dataset=describe(dataset)),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager
        name = f"{self.name}/{self.builder_config.name}"
        if name not in READ:
            raise InputError(f"{name}: found its name alone, expected its files; run `{prepare_command(name, None)}`")
        beats = READ[name]
        self.sources["notes"] += beats.notes
        self.sources["source"] = beats.source
        labels = beats.examples["label"]
        self.sources["counts"]["beats"] = np.bincount(labels, minlength=len(beats.dataset.classes)).tolist()
        features: Any = self.info.features
        return {"beats": self._generate_examples({key: beats.examples[key] for key in features})}

    def _generate_examples(self, columns: dict[str, np.ndarray]) -> Iterator[tuple[int, dict]]:
        for key, row in enumerate(zip(*columns.values(), strict=True)):
            cells = (str(one) if isinstance(one, np.str_) else one for one in row)
            yield key, dict(zip(columns, cells, strict=True))
