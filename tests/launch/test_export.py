"""`cardiax export`: a run becomes a bundle that other programs run, and that cardiax reads back."""

import contextlib
import dataclasses
import errno
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from cardiax import datasets, load
from cardiax.catalog import find_dataset
from cardiax.config import to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.bundle import programs
from cardiax.launch.bundle.programs import stablehlo
from cardiax.launch.cli import main, parse_command
from cardiax.launch.networks.bundle_files import write_bundle
from cardiax.launch.networks.trained import find_network
from cardiax.launch.run.run_folder import Workdir, read_config
from cardiax.launch.train import read_options
from cardiax.models import build_model
from cardiax.recipes import recipe
from cardiax.stats.class_trust import ClassTrust
from cardiax.tasks import find_task
from cardiax.training.checkpoint import Checkpoints
from cardiax.training.device_mesh import make_mesh, replicate
from cardiax.training.optimizer import make_optimizer
from cardiax.training.state import create_state
from cardiax.training.step import AXIS

pytestmark = pytest.mark.usefixtures("without_plots")

BEATS, HEARTS = "widths=(4,8),blocks=1,kernel=3", "widths=(4,4),blocks=1,hidden=8"
DEFAULTS = {
    "heartbeat": ("heartbeat", "simulated_heartbeat", BEATS),
    "arrhythmia": ("arrhythmia", "simulated_heartbeat", BEATS),
    "arrhythmia_by_record": ("arrhythmia", "physionet_mitbih/patient", BEATS),
    "activation": ("activation", "ucsd_intracardiac", HEARTS),
    "transmembrane": ("transmembrane", "ucsd_intracardiac", HEARTS),
}
"""The default network of each task and form of input, made small."""

FIGURE = {"value": 0.5, "low": 0.25, "high": 0.75}
METRICS = ("accuracy", "macro_f1", "risk_at_90_coverage")
FILES = {
    *("README.md", "config.json", "golden.npz", "model.stablehlo", "preprocessor.json", "sums.json"),
    "weights.safetensors",
}


def make_run(folder, task_name, dataset, model_args):
    """Write the folder of a run whose averaged variables differ from the raw ones; return the averaged ones."""
    config = with_overrides(recipe(task_name, dataset), {"model_args": model_args, "ema": 0.9})
    task, workdir = find_task(task_name), Workdir(folder)
    model = build_model(config.model, task.outputs, AXIS, config.model_args)
    shapes = task.shapes(find_dataset(dataset))
    tx = make_optimizer(config.optimizer, 1)
    state = jax.jit(lambda: create_state(model, tx, config.seed, shapes, ema=True))()
    random = np.random.default_rng(1)
    params, model_state = jax.tree.map(
        lambda x: np.asarray(x * random.uniform(1, 1.1, x.shape), np.float32), state.average
    )
    state = dataclasses.replace(state, average=(params, model_state))
    workdir.write_json("config.json", to_dict(config))
    workdir.write_json("environment.json", {"fingerprints": {}})
    heading = {"dataset": dataset, "protocol": config.protocol, "split": "test", "examples": 7, "step": 3}
    heading |= {"parameters": 11, "interval": "95 % of nothing"}
    if hasattr(task, "classes"):
        rows = {name: {"examples": 1, "precision": FIGURE, "recall": FIGURE, "f1": FIGURE} for name in task.classes}
        workdir.write_json("test.json", heading | dict.fromkeys(METRICS, FIGURE) | {"classes": rows})
    else:
        workdir.write_json("test.json", heading | {task.selection: FIGURE | {"unit": "ms"}})
    with contextlib.closing(Checkpoints(workdir.checkpoints)) as checkpoints:
        checkpoints.save("best", replicate(jax.device_get(state), make_mesh()), [])
    return {"params": params, **model_state}


@pytest.fixture(scope="module")
def bundle_of(tmp_path_factory):
    """A function that makes the bundle of a default network once; its folder, its run, and the averaged variables."""

    @functools.cache
    def make(name):
        folder = tmp_path_factory.mktemp(name)
        variables = make_run(folder / "run", *DEFAULTS[name])
        with pytest.raises(SystemExit) as stopped:
            main(["export", str(folder / "run"), "--out", str(folder / "bundle")])
        assert not stopped.value.code
        return folder / "bundle", folder / "run", variables

    return make


@pytest.fixture(params=DEFAULTS)
def exported(bundle_of, request):
    """One of the bundles."""
    return bundle_of(request.param)


def close(found, expected):
    """Outputs agree within 1e-5 of their largest value: voltages change by 100 mV in a millisecond."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def golden_of(bundle):
    with np.load(bundle / "golden.npz", allow_pickle=False) as archive:
        inputs = dict(archive)
    return inputs, inputs.pop("output")


def test_the_program_tells_nothing_of_the_machine_that_wrote_it(exported):
    bundle, folder, _ = exported
    written = (bundle / "model.stablehlo").read_bytes()
    for path in (b".py", str(Path(jax.__file__).parent).encode(), str(Path.cwd()).encode()):
        assert path not in written
    network = find_network(folder)
    shapes = find_task(network.config.task).shapes(find_dataset(network.config.dataset))
    again = (lambda: stablehlo(network.function(network.variables()), shapes))()  # from another place of the source
    assert again == written


def test_the_golden_outputs_are_those_of_the_network_alone(exported):
    bundle, _, variables = exported
    config = read_config(bundle / "config.json")
    inputs, output = golden_of(bundle)
    task = find_task(config.task)
    assert {name: array.shape[1:] for name, array in inputs.items()} == task.shapes(find_dataset(config.dataset))
    module = build_model(config.model, task.outputs, None, config.model_args)
    close(jax.jit(functools.partial(module.apply, train=False))(variables, **inputs), output)
    assert output.std() > 0


def test_a_bundle_is_read_back_as_its_run_is(exported):
    bundle, run, variables = exported
    inputs, output = golden_of(bundle)
    assert find_network(bundle).config == find_network(run).config
    typed = parse_command("train", [f"--config={bundle / 'config.json'}", "--workdir=again"])
    assert read_options(typed) == find_network(run).config
    for source in (bundle, str(run)):
        close(find_network(source).predictor()(inputs), output)
    arrays = load_file(bundle / "weights.safetensors")
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    paths = {"/".join(str(key.key) for key in path): leaf for path, leaf in leaves}
    assert arrays.keys() == paths.keys()
    assert any(name.startswith("params/") and name.endswith("/kernel") for name in paths)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, paths[name])


def test_the_files_say_what_somebody_outside_needs(exported):
    bundle, _, _ = exported
    assert {path.name for path in bundle.iterdir()} == FILES
    told = json.loads((bundle / "preprocessor.json").read_text())
    config = read_config(bundle / "config.json")
    inputs, output = golden_of(bundle)
    assert {name: entry["shape"][1:] for name, entry in told["inputs"].items()} == {
        name: list(array.shape[1:]) for name, array in inputs.items()
    }
    assert told["output"]["shape"][1:] == list(output.shape[1:])
    assert told["inputs"]["leads"]["sampling_rate_hz"] == find_dataset(config.dataset).rate
    names = told["output"].get("classes") or told["output"]["sites"]
    assert len(names) == output.shape[-1]
    assert "random numbers" in told["golden"]["inputs"]
    assert "6 months" in told["stablehlo"]["guarantee"]
    assert len(told["steps"]) >= 3


def test_the_card_has_hugging_faces_metadata(exported):
    yaml = pytest.importorskip("yaml", reason="needs PyYAML to read the metadata")
    _, front, text = (exported[0] / "README.md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(front)
    config = read_config(exported[0] / "config.json")
    assert metadata["license"] == "other"
    assert metadata["library_name"] == "cardiax"
    assert {"ecg", config.task} <= set(metadata["tags"])
    (result,) = metadata["model-index"][0]["results"]
    assert {one["type"] for one in result["metrics"]} == set(metadata["metrics"])
    assert {one["value"] for one in result["metrics"]} == {0.5}
    assert "0.500" in text
    assert "0.250 to 0.750" in text
    assert "Research only, not a medical device." in text
    assert ("| selective risk at 90 % coverage | 0.500 |" in text) == (config.task in ("heartbeat", "arrhythmia"))
    assert ("seen in training" in text) == (config.dataset == "simulated_heartbeat")


def test_a_calibration_goes_with_the_network(bundle_of, tmp_path, cardiax):
    bundle, run, _ = bundle_of("arrhythmia_by_record")
    assert find_network(bundle).trust == ClassTrust()
    told = json.loads((bundle / "preprocessor.json").read_text())
    assert told["output"]["quantity"] == "logits; softmax gives the probabilities"
    shutil.copytree(run, tmp_path / "run")
    scores = {name: [0.5, 0.25] for name in ("log_loss", "brier", "ece")}
    measured = {"examples": 90, "groups": 3, "scores": scores, "coverage": 0.95, "risk": 0.02}
    measured |= {"errors_uncertain": None, "area_under_risk": 0.01}
    fields = {"temperature": 1.5, "uncertain_below": 0.7, "usual_share": 0.1, "rule": "a rule", "source": "a split"}
    Workdir(tmp_path / "run").write_json("calibration.json", fields | {"validation": measured})
    status, out, error = cardiax("export", tmp_path / "run", "--out", tmp_path / "bundle", "--no-stablehlo")
    assert status == 0, error
    assert "note" not in out
    listed = {line.rpartition(": ")[0] for line in out.splitlines() if line.endswith(" bytes")}
    assert listed == {str(path) for path in (tmp_path / "bundle").iterdir()}
    network = find_network(tmp_path / "bundle")
    assert network.trust == find_network(tmp_path / "run").trust == ClassTrust(1.5, 0.7, 0.1)
    inputs, output = golden_of(tmp_path / "bundle")
    close(output, golden_of(bundle)[1])  # logits as they were
    close(network.predictor()(inputs), output)
    told = json.loads((tmp_path / "bundle" / "preprocessor.json").read_text())
    assert "softmax(logits / temperature) with that of calibration.json" in told["output"]["quantity"]
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "softmax(logits / 1.5). A class is uncertain if its probability is below 0.7: a rule." in card
    assert "| log loss, nats | 0.5000 | 0.2500 |" in card
    (tmp_path / "bundle" / "calibration.json").write_text("{}")
    assert "calibration.json: found a file with SHA-256" in cardiax.mistake("predict", tmp_path / "bundle", "a.npy")


ALONE = """
import sys, jax, numpy as np
for bundle in sys.argv[1:]:
    golden = dict(np.load(bundle + "/golden.npz"))
    expected = golden.pop("output")
    program = jax.export.deserialize(open(bundle + "/model.stablehlo", "rb").read())
    for count in (3, 1):
        found = program.call(**{name: array[:count] for name, array in golden.items()})
        np.testing.assert_allclose(found, expected[:count], rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    print(*program.platforms)
assert not {"cardiax", "flax", "optax"} & set(sys.modules)
"""


def test_the_programs_need_jax_alone_and_give_our_outputs(bundle_of):
    command = [sys.executable, "-I", "-c", ALONE, *(str(bundle_of(name)[0]) for name in DEFAULTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["cpu cuda tpu"] * len(DEFAULTS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_onnx_gives_our_outputs(name, tmp_path, cardiax):
    if importlib.util.find_spec("jax2onnx") is None:
        pytest.skip("needs the extra cardiax[onnx]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra cardiax[onnx]")
    make_run(tmp_path / "run", *DEFAULTS[name])
    status, _, error = cardiax("export", tmp_path / "run", "--out", tmp_path / "bundle", "--onnx")
    assert status == 0, error
    inputs, output = golden_of(tmp_path / "bundle")
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession((tmp_path / "bundle" / "model.onnx").read_bytes())
    for count in (4, 1):
        (found,) = session.run(["output"], {name: array[:count] for name, array in inputs.items()})
        close(found, output[:count])


def test_onnx_without_its_packages_is_told(tmp_path, cardiax, monkeypatch):
    make_run(tmp_path / "run", *DEFAULTS["heartbeat"])
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    told = cardiax.mistake("export", tmp_path / "run", "--out", tmp_path / "bundle", "--onnx")
    assert "found no package jax2onnx" in told
    assert "pip install 'cardiax[onnx]'" in told
    assert not (tmp_path / "bundle").exists()


@pytest.fixture(scope="module")
def hearts(bundle_of):
    """The folder of a run of the task activation, and of its bundle."""
    return bundle_of("activation")[0].parent


def copied(bundle, folder):
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes((bundle / name).read_bytes())
    return folder


def test_a_task_without_times_is_refused_before_its_program_is_built(tmp_path, cardiax, monkeypatch):
    make_run(tmp_path / "run", *DEFAULTS["heartbeat"])
    monkeypatch.setattr(programs, "stablehlo", lambda *_: pytest.fail("built a program first"))
    told = cardiax.mistake(
        "export", tmp_path / "run", "--out", tmp_path / "no", "--calibrate", "simulated_intracardiac"
    )
    assert told.startswith("--calibrate: found ")


@pytest.mark.parametrize("flag", ["--onnx", "--no-stablehlo", "--license"])
def test_a_flag_that_a_copied_bundle_would_not_heed_is_refused(hearts, flag, tmp_path, cardiax):
    value = ("mit",) if flag == "--license" else ()
    told = cardiax.mistake("export", hearts / "bundle", "--out", tmp_path / "copy", flag, *value)
    assert told.startswith(f"{flag}: found the bundle {hearts / 'bundle'}, expected the folder of a run")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_flipped_byte_is_refused(hearts, name, tmp_path, cardiax):
    bundle = copied(hearts / "bundle", tmp_path / "bundle")
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    told = cardiax.mistake("predict", bundle, tmp_path / "beat.npy")
    assert told.startswith(str(bundle))
    if name != "sums.json":
        assert f"{name}: found a file with SHA-256" in told


def test_a_bundle_that_is_not_whole_is_refused(hearts, tmp_path):
    for name, message in (
        ("weights.safetensors", r"weights\.safetensors: found no such file, expected it as sums\.json has it"),
        ("golden.npz", r"golden\.npz: found no such file"),
        ("sums.json", r"sums\.json: found no such file"),
    ):
        bundle = copied(hearts / "bundle", tmp_path / name)
        (bundle / name).unlink()
        with pytest.raises(InputError, match=message):
            find_network(bundle)


def with_sums(bundle):
    """Write sums.json anew, as somebody does who changes a file on purpose."""
    sums = {path.name: sha256(path.read_bytes()).hexdigest() for path in bundle.iterdir() if path.name != "sums.json"}
    (bundle / "sums.json").write_text(json.dumps(sums))


def test_a_bundle_of_another_version_is_refused(hearts, tmp_path):
    bundle = copied(hearts / "bundle", tmp_path / "later")
    fields = json.loads((bundle / "config.json").read_text())
    fields["bundle"]["format"] = 2
    (bundle / "config.json").write_text(json.dumps(fields))
    with_sums(bundle)
    with pytest.raises(InputError, match="found a bundle of format 2, expected 1 or less; update cardiax"):
        find_network(bundle)
    fields["bundle"]["format"] = 1
    fields["model_args"]["hidden"] = 9
    (bundle / "config.json").write_text(json.dumps(fields))
    with_sums(bundle)
    with pytest.raises(InputError, match=r"found params/.* float32\[.*8.*\], expected float32\[.*9.*\]"):
        find_network(bundle).predictor()


def test_a_bundle_predicts_as_its_run_does(hearts, tmp_path, cardiax, monkeypatch, one_beat):
    recording = one_beat
    np.save(tmp_path / "beat.npy", recording)
    monkeypatch.chdir(tmp_path)
    status, _, error = cardiax("predict", hearts / "bundle", tmp_path / "beat.npy", "--rate", 1000)
    assert status == 0, error
    assert (tmp_path / "predictions" / "bundle" / "beat_activation.csv").exists()
    assert not (hearts / "bundle" / "predictions").exists()
    inside = ("predict", hearts / "bundle", tmp_path / "beat.npy", "--out", hearts / "bundle" / "predictions")
    assert "expected a folder outside of it; choose another --out" in cardiax.mistake(*inside)
    found, expected = (load(hearts / name).predict(recording, sampling_rate=1000).times for name in ("bundle", "run"))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_exported_is_told(hearts, tmp_path, cardiax):
    run, full = hearts / "run", tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    assert "found it in use, expected a new or empty folder" in cardiax.mistake("export", run, "--out", full)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
    told = cardiax.mistake("export", hearts / "bundle", "--out", tmp_path / "again", "--data-dir", tmp_path)
    assert "found a bundle whose golden.npz is not of ucsd_intracardiac as prepared here" in told
    assert "found no such folder" in cardiax.mistake("export", tmp_path / "none", "--out", tmp_path / "again")
    told = cardiax.mistake("export", full / "mine.txt", "--out", tmp_path / "again")
    assert "found a file ending in '.txt', expected the folder of a run or a bundle, or a .pth or .pt file" in told
    Workdir(tmp_path / "run").write_json("config.json", to_dict(read_config(run / "config.json")))
    told = cardiax.mistake("export", tmp_path / "run", "--out", tmp_path / "again")
    assert "found no test.json" in told
    trees = with_overrides(recipe("heartbeat"), {"model": "xgboost"})
    Workdir(tmp_path / "trees").write_json("config.json", to_dict(trees))
    told = cardiax.mistake("export", tmp_path / "trees", "--out", tmp_path / "again")
    assert "found the model xgboost, which is not a network" in told
    assert not (tmp_path / "again").exists()
    (tmp_path / "empty").mkdir()
    assert cardiax("export", run, "--out", tmp_path / "empty")[0] == 0
    assert {path.name for path in (tmp_path / "empty").iterdir()} == FILES
    assert cardiax("export", run, "--out", tmp_path / "small", "--no-stablehlo")[0] == 0
    assert {path.name for path in (tmp_path / "small").iterdir()} == FILES - {"model.stablehlo"}
    assert "stablehlo" not in (tmp_path / "small" / "README.md").read_text()
    assert "stablehlo" in (tmp_path / "empty" / "README.md").read_text()


@pytest.mark.slow
def test_golden_inputs_are_of_the_test_split_where_the_data_are(small_run, data_dir, tmp_path, cardiax):
    assert cardiax(*small_run, "--workdir", tmp_path / "run")[0] == 0
    status, out, error = cardiax("export", tmp_path / "run", "--out", tmp_path / "bundle", "--license", "mit")
    assert status == 0, error
    assert "of its test split" in out
    inputs, output = golden_of(tmp_path / "bundle")
    rows = {row.tobytes() for row in datasets.load("kaggle_heartbeat/mitbih", data_dir)["test"]["beat"]}
    assert all(np.ascontiguousarray(beat[:, 0]).tobytes() in rows for beat in inputs["leads"])
    assert "license: mit\n" in (tmp_path / "bundle" / "README.md").read_text()
    # The probabilities that the run's own evaluation wrote of the first and the last beat of the split.
    table = (tmp_path / "run" / "test_cases.csv").read_text().splitlines()
    shares = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    columns = [table[0].split(",").index(f"p_{name}") for name in "NSVFQ"]
    for line, share in ((table[1], shares[0]), (table[-1], shares[-1])):
        np.testing.assert_allclose([float(line.split(",")[i]) for i in columns], share, atol=2e-6)


def test_paths_are_told_from_names(hearts, tmp_path, monkeypatch):
    from cardiax.launch.networks import trained

    monkeypatch.setattr(trained, "PRETRAINED", tmp_path / "pretrained")
    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained" / "README.md").write_text("how they were made")
    copied(hearts / "bundle", tmp_path / "pretrained" / "hearts")
    copied(hearts / "bundle", tmp_path / "hearts")
    monkeypatch.chdir(tmp_path)
    assert trained.list_pretrained() == ["hearts"]
    by_name = find_network("hearts")
    assert by_name.path == tmp_path / "pretrained" / "hearts"
    assert by_name.predictions == Path("predictions", "hearts")
    for path in ("./hearts", "hearts/", Path("hearts")):
        found = find_network(path)
        assert found.path.resolve() == tmp_path / "hearts"
        assert found.predictions.resolve() == tmp_path / "predictions" / "hearts"
    with pytest.raises(InputError, match=r"^heart: found no such folder, expected .* by name: hearts$"):
        find_network("heart")


def test_a_bundle_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def refused(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path / 'bundle'}'"):
        write_bundle(tmp_path / "bundle", {"config.json": b"{}"})
    assert not list(tmp_path.iterdir())
