"""A trained network from its run folder alone."""

import contextlib
import dataclasses
from functools import partial

import jax
import numpy as np
import pytest

from cardiax.catalog import find_dataset
from cardiax.config import to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.networks.bundle_files import WEIGHTS
from cardiax.launch.networks.trained import PRETRAINED, find_network
from cardiax.launch.run.run_folder import CALIBRATION, Workdir, write_json
from cardiax.models import build_model
from cardiax.recipes import recipe
from cardiax.stats.class_trust import ClassTrust
from cardiax.tasks import find_task
from cardiax.training.checkpoint import Checkpoints
from cardiax.training.device_mesh import make_mesh, replicate
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import create_state, evaluated
from cardiax.training.step import AXIS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "shapes"),
    [
        ("physionet_mitbih/patient", {"leads": (192, 2), "deviation": (192, 2), "rr": (22,)}),
        ("simulated_heartbeat", {"leads": (187, 1)}),
    ],
)
def test_the_folder_tells_the_shapes_of_the_inputs(dataset, shapes, tmp_path):
    fields = {"model_args": "widths=(8,),blocks=1,kernel=3"}
    config = with_overrides(recipe("arrhythmia", dataset), fields)
    task, workdir = find_task(config.task), Workdir(tmp_path)
    assert task.shapes(find_dataset(dataset)) == shapes
    model = build_model(config.model, task.outputs, AXIS, config.model_args)
    tx = make_optimizer(config.optimizer, 1)
    state = jax.jit(lambda: create_state(model, tx, config.seed, shapes, config.ema > 0))()
    workdir.write_json("config.json", to_dict(config))
    with contextlib.closing(Checkpoints(workdir.checkpoints)) as checkpoints:
        checkpoints.save("best", replicate(jax.device_get(state), make_mesh()), [])
    random = np.random.default_rng(0)
    inputs = {name: random.normal(size=(3, *shape)).astype(np.float32) for name, shape in shapes.items()}
    alone = build_model(config.model, task.outputs, None, config.model_args)
    expected = jax.jit(partial(alone.apply, train=False))(evaluated(state), **inputs)
    np.testing.assert_allclose(find_network(tmp_path).predictor()(inputs), expected, rtol=1e-5, atol=1e-5)


def test_a_checkpoint_of_an_earlier_normalization_is_refused(tmp_path):
    fields = {"model_args": "widths=(8,8),blocks=1,hidden=8", "ema": 0.0}
    config = with_overrides(recipe("activation", "ucsd_intracardiac"), fields)
    task, workdir = find_task(config.task), Workdir(tmp_path)
    model = build_model(config.model, task.outputs, AXIS, config.model_args)
    shapes = task.shapes(find_dataset(config.dataset))
    tx = make_optimizer(config.optimizer, 1)
    state = jax.jit(lambda: create_state(model, tx, config.seed, shapes, ema=False))()

    def without_weight(tree):
        return (
            {key: without_weight(one) for key, one in tree.items() if key != "initial_weight"}
            if isinstance(tree, dict)
            else tree
        )

    state = dataclasses.replace(state, model_state=without_weight(state.model_state))
    workdir.write_json("config.json", to_dict(config))
    with contextlib.closing(Checkpoints(workdir.checkpoints)) as checkpoints:
        checkpoints.save("best", replicate(jax.device_get(state), make_mesh()), [])
    with pytest.raises(InputError, match=r"found .*initial_weight'\] absent, expected float32.*another version"):
        find_network(tmp_path).predictor()
    import resource

    huge = with_overrides(config, {"model_args": "widths=(200000,200000),blocks=1,hidden=8"})  # 240 GB of kernels
    workdir.write_json("config.json", to_dict(huge))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"best/0: found .*, expected float32.*: it was written by"):
        find_network(tmp_path).variables()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


def test_a_config_of_a_later_version_is_told(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.write_json("config.json", to_dict(recipe("arrhythmia", "simulated_heartbeat")) | {"temperature": 0.5})
    with pytest.raises(InputError) as raised:
        workdir.config()
    assert str(raised.value).startswith(f"{tmp_path / 'config.json'}: unknown field 'temperature'")
    assert "a later version of cardiax wrote it, or it was edited: update cardiax" in str(raised.value)


def test_a_run_without_calibration_is_read_and_a_damaged_one_is_refused(tmp_path):
    write_json(tmp_path / "config.json", to_dict(recipe("arrhythmia", "physionet_mitbih/patient")))
    assert find_network(tmp_path).trust == ClassTrust(temperature=1.0, uncertain_below=0.0, usual_share=None)
    network = find_network(tmp_path)
    assert f"`cardiax evaluate {tmp_path}`" in network.notes[0]
    (tmp_path / WEIGHTS).touch()
    assert "export the bundle again" in network.notes[0]
    (tmp_path / WEIGHTS).unlink()
    write_json(tmp_path / CALIBRATION, {"temperature": 1.5, "uncertain_below": 0.7, "usual_share": None, "rule": "r"})
    assert find_network(tmp_path).notes == ()
    assert find_network(tmp_path).trust == ClassTrust(temperature=1.5, uncertain_below=0.7)
    for wrong in ({"temperature": 0.0}, {"uncertain_below": "0.7"}, {"usual_share": 2.0}, {"temperature": None}):
        fields = {"temperature": 1.5, "uncertain_below": 0.7, "usual_share": None} | wrong
        write_json(tmp_path / CALIBRATION, fields)
        with pytest.raises(InputError, match=r"calibration\.json: found no valid calibration, expected temperature"):
            find_network(tmp_path)
    write_json(tmp_path / CALIBRATION, {"temperature": 1.5})
    with pytest.raises(InputError, match="found no valid calibration"):
        find_network(tmp_path)


def test_an_empty_text_is_not_the_network_of_the_working_directory(monkeypatch):
    monkeypatch.chdir(PRETRAINED / "arrhythmia")
    assert find_network(".").config.task == "arrhythmia"
    with pytest.raises(InputError, match=r"^'': found no such folder, expected a run, a bundle, or trained weights"):
        find_network("")
