"""The built-in dataset as a user prepares it: array_record, no TensorFlow, exact counts, the generator's own beats."""

from pathlib import Path

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds

from cardiax.catalog import AAMI_CLASSES, BEAT_LENGTH
from cardiax.datasets.simulated_heartbeat import simulated_heartbeat_dataset_builder as module
from cardiax.simulate import heartbeat


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    builder = module.Builder(data_dir=tmp_path_factory.mktemp("data"), file_format="array_record")
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def splits(builder):
    """split -> arrays of its features."""
    arrays = {}
    for split in builder.info.splits:
        source = builder.as_data_source(split)
        examples = source.__getitems__(range(len(source)))
        arrays[split] = {name: np.stack([example[name] for example in examples]) for name in examples[0]}
    return arrays


def test_splits_have_the_shares_of_mit_bih_exactly(builder, splits):
    assert set(splits) == {"train", "test"}
    for split, beats in {"train": 16_000, "test": 4_000}.items():
        counts = heartbeat.class_counts(beats)
        assert builder.info.splits[split].num_examples == beats
        np.testing.assert_array_equal(np.bincount(splits[split]["label"]), counts)
        assert list(builder.info.metadata["counts"][split]) == counts.tolist()


def test_features_are_kaggles_rows_with_a_subject(builder, splits):
    assert builder.info.features["label"].names == list(AAMI_CLASSES)
    assert builder.info.supervised_keys == ("beat", "label")
    for arrays in splits.values():
        assert arrays["beat"].shape[1:] == (BEAT_LENGTH,)
        assert arrays["beat"].dtype == np.float32
        assert arrays["beat"].min() == 0.0
        assert arrays["beat"].max() == 1.0
        assert arrays["subject"].dtype == np.int64
        assert set(arrays["subject"]) == set(range(heartbeat.SUBJECTS))


def test_no_beat_is_in_both_splits(splits):
    seen = {row.tobytes() for row in splits["train"]["beat"]}
    assert len(seen) == 16_000
    assert not any(row.tobytes() in seen for row in splits["test"]["beat"])


def test_records_are_the_beats_of_the_generator_in_its_order(splits):
    beats_key, _ = jax.random.split(jax.random.key(module.SEED, impl="threefry2x32"))
    for split, first in (("train", 0), ("test", 16_000)):
        arrays = {name: array[:64] for name, array in splits[split].items()}
        indices = np.arange(first, first + 64)
        labels, subjects = (arrays[name].astype(np.int32) for name in ("label", "subject"))
        rows = jax.jit(heartbeat.simulate_beats)(beats_key, indices, labels, subjects)
        np.testing.assert_allclose(arrays["beat"], rows, atol=1e-6)


def test_folder_is_laid_out_as_tfds_lays_out_its_own(builder):
    assert builder.info.full_name == "simulated_heartbeat/1.0.0"
    assert str(builder.version) in builder.RELEASE_NOTES
    assert "Gaussian waves" in builder.info.description
    assert "10.1109/TBME.2003.808805" in builder.info.citation
    tags = (Path(module.__file__).parent / "TAGS.txt").read_text().split()
    valid = (Path(tfds.__file__).parent / "core" / "valid_tags.txt").read_text()
    assert tags
    assert all(f"{tag} #" in valid for tag in tags)
