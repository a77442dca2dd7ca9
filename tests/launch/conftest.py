"""Arrays of a page decoded. Commands that a test runs draw their plots, but few files of tests make pixels of them."""

import base64
import dataclasses
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cardiax.plots.heart_map import beating_frames

RENDERED = ("test_heart_runs.py", "test_predict.py", "test_rhythm.py", "test_plot_files.py", "test_train.py")
"""The files of tests whose plots are real; for others layout and pixels are a quarter of the time of a small run."""


@pytest.fixture(scope="module", autouse=True)
def _blank_plots(request: pytest.FixtureRequest) -> Iterator[None]:
    """Save every figure as a picture of one pixel, except in the files of `RENDERED`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beating_frames, "__defaults__", (3,))  # frames of a GIF, in place of 50
        if request.path.name not in RENDERED:
            pixel = io.BytesIO()
            Image.new("L", (1, 1)).save(pixel, format="PNG")
            patch.setattr(Figure, "savefig", lambda figure, file, **settings: file.write(pixel.getvalue()))
        yield


@pytest.fixture
def nan_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """A function that makes the `loss` of a training step NaN, and its `gradients`, or only these."""
    import jax
    import jax.numpy as jnp

    from cardiax.launch.loops import training_loop

    make = training_loop.make_train_step

    def patch(step: int, what: str) -> None:
        def make_broken(*arguments: Any) -> Any:
            whole = make(*arguments)

            def train_step(state: Any, batch: Any) -> Any:
                after, loss = whole(state, batch)
                bad = state.step == step - 1
                params = jax.tree.map(lambda leaf: jnp.where(bad, jnp.nan, leaf), after.params)
                loss = jnp.where(bad & (what == "loss"), jnp.nan, loss)
                return dataclasses.replace(after, params=params, loss_sum=state.loss_sum + loss), loss

            return train_step

        monkeypatch.setattr(training_loop, "make_train_step", make_broken)

    return patch


@pytest.fixture
def small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `bench` measure the machine's rate on small matrices: on the usual ones it takes longer than all the rest."""
    from cardiax.launch.timing import machine

    monkeypatch.setattr(machine, "WIDTH", 64)


@pytest.fixture(scope="session")
def decoded():
    """A function that decodes what `packed` returns."""

    def decode(one):
        planes = zlib.decompress(base64.b64decode(one["deflate"]), -15)
        count, kind = len(planes) // one["bytes"], f"<i{one['bytes']}"
        folded = [sum(planes[plane * count + i] << (8 * plane) for plane in range(one["bytes"])) for i in range(count)]
        changes = np.array([(value >> 1) ^ -(value & 1) for value in folded]).reshape(one["shape"])
        units = np.cumsum(changes, axis=-1).astype(kind)  # wraps around
        return np.where(units == np.iinfo(kind).min, np.nan, units * one["step"])

    return decode


@pytest.fixture(scope="session")
def hearts_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with `ucsd_intracardiac`: 40 recordings of 8 volunteers; the last site of the first is silent."""
    from cardiax import datasets
    from cardiax.simulate.action_potential import action_potential

    raw, folder = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("hearts")
    random = np.random.default_rng(0)
    for number in range(40):
        times = random.uniform(5, 150, 75)
        voltage = np.array(action_potential(np.arange(500.0)[:, None] - times, np.full(75, 250.0)))
        voltage[:, 74] = np.where(number == 0, -85.5, voltage[:, 74])
        electrodes = voltage @ random.normal(size=(75, 10)) / 500
        tail = f"hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.{number}.volunteer.v{number % 8 + 1}"
        for prefix, array in (("pECGData", electrodes), ("VmData", voltage)):
            np.save(raw / f"{prefix}_{tail}.npy", array)
    datasets.prepare("ucsd_intracardiac", folder, raw, folder / "downloads")
    return folder
