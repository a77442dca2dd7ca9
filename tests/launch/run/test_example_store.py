"""Examples read from disk as they are needed: the bits of those in memory, and nothing left behind."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardiax.config import with_overrides
from cardiax.errors import InputError
from cardiax.launch.run.example_store import READ_AHEAD, Rows, ahead, row_digests
from cardiax.launch.run.experiment import load_experiment
from cardiax.protocols import row_groups
from cardiax.recipes import recipe
from cardiax.training.batch_order import fingerprint, fingerprint_of_chunks

LITTLE = 1e-5
"""GiB, less than any dataset here."""


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch):
    monkeypatch.setattr("cardiax.datasets.storage.record_files.BATCH", 97)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_run):
    """The folder of a run in memory."""
    from cardiax.launch.cli import main

    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.raises(SystemExit) as stopped:
        main([*small_run, "--workdir", str(folder)])
    assert stopped.value.code == 0
    return folder


def parameters(folder):
    """Every array of the latest checkpoint, read by Orbax alone."""
    latest = max((folder / "checkpoints").glob("*/*"), key=lambda path: int(path.name))
    with ocp.StandardCheckpointer() as reader:
        return jax.tree.leaves(reader.restore((latest / "state").absolute()))


def assert_same_run(folder, whole):
    for name in ("metrics.csv", "test.json", "test_cases.csv", "config.json", "figures/test_beats.png"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    for ours, theirs in zip(parameters(folder), parameters(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def experiments(data_dir, **overrides):
    config = with_overrides(recipe("arrhythmia", "kaggle_heartbeat/mitbih"), overrides)
    return load_experiment(config, data_dir, print), load_experiment(config, data_dir, print, memory=LITTLE)


@pytest.mark.slow
def test_a_streamed_run_is_that_in_memory(whole, cardiax, small_run, tmp_path):
    status, out, error = cardiax(*small_run, "--workdir", tmp_path / "run", "--memory", LITTLE)
    assert status == 0, error
    assert "found 740 examples of 0.00" in out
    assert_same_run(tmp_path / "run", whole)
    status, out, error = cardiax("evaluate", tmp_path / "run", "--memory", LITTLE)
    assert status == 0, error
    assert "from a file without a name in" in out
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
def test_a_streamed_run_that_is_killed_goes_on_to_the_same_bits(whole, cardiax, small_run, tmp_path):
    # In the second of two epochs of four steps: two batches are read before they are needed, and one to trace the step.
    code = """
        import os, sys, time
        from pathlib import Path
        from cardiax.launch.cli import main
        from cardiax.launch.run.example_store import Rows
        take, inputs = Rows.take, []
        def killed(rows, places):
            inputs.extend([places] if places.size == 128 and rows.shape else [])
            if len(inputs) == 8:
                while not list(Path(sys.argv[-3], "checkpoints").glob("*/4")):  # it is written in the background
                    time.sleep(0.01)
                os._exit(9)
            return take(rows, places)
        Rows.take = killed
        main(sys.argv[1:])
        """
    arguments = [*small_run, "--workdir", str(tmp_path / "run"), "--memory", str(LITTLE)]
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == 9, killed.stderr
    status, out, error = cardiax(*arguments)
    assert status == 0, error
    assert "resume: from step 4" in out
    assert_same_run(tmp_path / "run", whole)


def test_order_fingerprints_and_shares_are_those_in_memory(data_dir):
    ours, theirs = experiments(data_dir, balance="sampling", per_class=30, batch_size=50)
    assert theirs.examples.read_ahead == READ_AHEAD
    assert ours.examples.read_ahead == 0
    assert theirs.fingerprints == ours.fingerprints
    np.testing.assert_array_equal(theirs.examples.classes, ours.examples.classes)
    np.testing.assert_array_equal(theirs.order.indices(5), ours.order.indices(5))
    for name, array in ours.split.items():
        np.testing.assert_array_equal(theirs.split[name], array)
    for name, array in ours.origin.items():
        np.testing.assert_array_equal(theirs.origin[name], array)
    indices = np.array([[739, 3], [3, 0]])
    for name, array in ours.examples.take(indices).items():
        found = theirs.examples.take(indices)[name]
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_damage_is_told_in_one_line(cardiax, data_dir, small_run, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "data")
    path = next(copy.rglob("*train.array_record*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"kaggle_heartbeat/mitbih in .* is damaged \(.*\): delete that folder if the same command fails",
    ):
        load_experiment(recipe("arrhythmia", "kaggle_heartbeat/mitbih"), copy, print, memory=LITTLE)
    assert not readers()
    index = small_run.index("--data-dir") + 1
    arguments = [*small_run[:index], copy, *small_run[index + 1 :], "--workdir", tmp_path / "run", "--memory", LITTLE]
    assert "is damaged" in cardiax.mistake(*arguments)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_may_not_be_written_is_left_alone(data_dir, tmp_path, monkeypatch):
    told, folder = [], tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    load_experiment(recipe("arrhythmia", "kaggle_heartbeat/mitbih"), data_dir, told.append, memory=LITTLE)
    assert told[-1].endswith(f"from a file without a name in {folder}")


def test_a_disk_without_room_is_told(cardiax, small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**5))
    told = cardiax.mistake(*small_run, "--workdir", tmp_path / "run", "--memory", LITTLE)
    assert "1.0.0: no space for 0.000518 GiB of examples" in told
    assert not (tmp_path / "run").exists()


def test_what_wants_all_at_once_is_refused(cardiax, small_run, data_dir, tmp_path):
    told = cardiax.mistake(
        *("train", "arrhythmia", "--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir),
        *("--model", "xgboost", "--workdir", tmp_path / "run", "--memory", LITTLE),
    )
    assert "expected room for all at once: the model xgboost; give a larger --memory" in told
    assert "--memory" in cardiax.mistake(*small_run, "--workdir", tmp_path / "run", "--memory", "-1")


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@given(count=st.integers(0, 12), depth=st.integers(1, 4))
def test_reading_ahead_keeps_the_order_and_holds_few(count, depth):
    begun = []

    def read(one):
        begun.append(one)
        return one * one

    found = []
    for value in ahead(read, range(count), depth):
        found.append(value)
        assert len(begun) <= len(found) + depth
    assert found == [one * one for one in range(count)]
    assert not readers()


def test_an_error_of_the_thread_comes_in_its_place():
    def read(one):
        if one == 3:
            raise InputError("the third")
        return one

    values = ahead(read, range(10), 2)
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match="the third"):
        next(values)
    assert not readers()


def test_closing_early_ends_the_thread():
    values = ahead(lambda one: one, iter(range(10**9)), 3)
    assert next(values) == 0
    assert readers()
    values.close()
    assert not readers()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_digests_tell_equal_rows_from_others(kinds):
    rows = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)[kinds]
    np.testing.assert_array_equal(row_groups(row_digests(rows)), row_groups(rows))


def test_a_fingerprint_of_chunks_is_that_of_the_whole():
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(11, 3)).astype(np.float32), np.arange(11)]
    chunks = ((array.dtype, array.shape, np.array_split(array, 4)) for array in arrays)
    assert fingerprint_of_chunks(chunks) == fingerprint(*arrays)


SHAPES = st.sampled_from([(), (3,), (4, 2)])


@given(
    array=st.one_of(
        hnp.arrays(np.float32, SHAPES.map(lambda shape: (7, *shape))),
        hnp.arrays(np.int32, SHAPES.map(lambda shape: (7, *shape))),
    ),
    cuts=st.lists(st.integers(0, 7), max_size=3).map(sorted),
    indices=hnp.arrays(np.int64, hnp.array_shapes(max_dims=3), elements=st.integers(0, 6)),
)
def test_rows_are_those_of_the_array(tmp_path_factory, array, cuts, indices):
    folder = tmp_path_factory.mktemp("rows")
    rows = Rows(folder, array.shape[1:], array.dtype)
    for part in np.split(array, cuts):
        rows.append(part)
    found = rows.take(indices)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array[indices])
    assert not list(folder.iterdir())


def test_a_read_that_the_system_cuts_short_goes_on(tmp_path, monkeypatch):
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    rows = Rows(tmp_path, array.shape[1:], array.dtype)
    rows.append(array)
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, buffers, at: whole(file, [memoryview(buffers[0])[:5]], at))
    np.testing.assert_array_equal(rows.take(np.array([3, 0])), array[[3, 0]])


def test_arrays_that_are_not_contiguous_are_written_in_order(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(1, 2, 0)
    rows = Rows(tmp_path, array.shape[1:], array.dtype)
    rows.append(array)
    np.testing.assert_array_equal(rows.take(np.array([2, 0])), array[[2, 0]])


@pytest.mark.parametrize("index", [-1, 5])
def test_a_row_that_was_not_written_is_an_error(tmp_path, index):
    rows = Rows(tmp_path, (2,), np.dtype(np.float32))
    rows.append(np.zeros((5, 2)))
    with pytest.raises(IndexError, match=f"found no row {index}"):
        rows.take(np.array([0, index]))


def test_several_threads_read_at_once(tmp_path):
    array = np.random.default_rng(0).normal(size=(100, 50)).astype(np.float32)
    rows = Rows(tmp_path, (50,), array.dtype)
    rows.append(array)
    orders = [np.random.default_rng(seed).permutation(100) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for order, found in zip(orders, pool.map(rows.take, orders), strict=True):
            np.testing.assert_array_equal(found, array[order])
