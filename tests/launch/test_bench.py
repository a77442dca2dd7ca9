"""`cardiax bench` on tiny networks: what it reports must agree with itself and with sums by hand."""

import importlib.util
import json

import jax
import jax.numpy as jnp
import pytest

from cardiax.launch.timing import machine, pytorch_twin, workload
from cardiax.nn.mixed_precision import InBfloat16
from cardiax.training import lookup

pytestmark = pytest.mark.usefixtures("small_products")

TINY = ("--model-args", "channels=(4,),widths=(4,),dropout_rate=0.0", "--blocks", "2", "--seconds", "0.01")


@pytest.mark.slow
def test_a_tiny_model_is_timed_and_its_figures_agree(cardiax, tmp_path):
    file = tmp_path / "bench.json"
    status, out, error = cardiax("bench", "heartbeat", "--model", "reference_cnn", *TINY, "--json", file)
    assert status == 0, error
    written = json.loads(file.read_text())
    assert written["machine"]["cores"] >= 1
    assert written["machine"]["devices"].startswith("8 × ")
    (result,) = written["results"]
    assert (result["task"], result["model"], result["batch_size"]) == ("heartbeat", "reference_cnn", 64)
    # A convolution of width 3, dense layers from 94 pooled samples of 4 channels to 4, and to 2 classes.
    assert result["parameters"] == (3 + 1) * 4 + (94 * 4 + 1) * 4 + (4 + 1) * 2
    step = result["step_seconds"]
    assert 0 < step["lower"] <= step["median"] <= step["upper"]
    assert result["examples_per_second"] == pytest.approx(64 / step["median"])
    assert result["flops_per_second"] == pytest.approx(result["flops"] / step["median"])
    share = result["flops_per_second"] / written["machine"]["matmul_flops_per_second"]
    assert result["share_of_matmul"] == pytest.approx(share)
    # Products forwards, and backwards for kernels and inputs (but of beats); the rest is less than twice as much.
    products = 2 * 64 * (2 * 187 * 3 * 4 + 3 * (376 * 4 + 4 * 2))
    assert products * 0.9 < result["flops"] < products * 3
    assert result["process_peak_bytes"] > result["step_bytes"] > 0
    assert min(result["seconds_to_first_step"], result["compile_seconds"]) > 0
    assert set(result["inference_seconds"]) == {"1", "256"}
    assert "torch" not in result
    row = next(line for line in out.splitlines() if line.startswith("heartbeat "))
    assert f"{1e3 * step['median']:.1f}" in row


def test_a_model_is_timed_in_bfloat16(cardiax, tmp_path, monkeypatch):
    seen = []
    build = workload.build_model
    for module in (workload, lookup):
        monkeypatch.setattr(module, "build_model", lambda *given: seen.append(build(*given)) or seen[-1])
    file = tmp_path / "bench.json"
    options = ("--precision", "bfloat16", "--no-start", "--json", file)
    status, _, error = cardiax("bench", "heartbeat", "--model", "reference_cnn", *TINY, *options)
    assert status == 0, error
    assert json.loads(file.read_text())["results"][0]["precision"] == "bfloat16"
    low = [isinstance(model, InBfloat16) for model in seen]
    assert low == [True, False, True, True]  # the step, the weights' own module, inference of 1 and of 256
    assert "--precision" in cardiax.mistake("bench", "--precision", "float16")


def test_mistakes(cardiax, tmp_path):
    assert "unknown task 'arrythmia': did you mean 'arrhythmia'" in cardiax.mistake("bench", "arrythmia")
    assert "unknown model of heartbeat 'resnet2d': did you mean 'resnet1d'" in cardiax.mistake(
        "bench", "heartbeat", "--model", "resnet2d"
    )
    assert "unknown model of activation 'resnet1d'" in cardiax.mistake("bench", "activation", "--model", "resnet1d")
    assert "unknown field of model resnet1d 'width'" in cardiax.mistake("bench", "heartbeat", "--model-args", "width=1")
    assert "--json: found no folder" in cardiax.mistake("bench", "--json", tmp_path / "none" / "bench.json")
    assert "--blocks" in cardiax.mistake("bench", "--blocks", "1")
    assert "--peer" in cardiax.mistake("bench", "--peer", "theano")


def test_a_peer_without_pytorch_or_a_checkout_is_told(cardiax, monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))
    assert "pip install 'cardiax[bench]'" in cardiax.mistake("bench", "heartbeat", "--peer", "torch")
    monkeypatch.setattr(pytorch_twin, "PEERS", tmp_path)
    assert "run from a checkout" in cardiax.mistake("bench", "heartbeat", "--peer", "torch")


def test_every_model_has_a_task_and_only_the_named_are_very_large():
    from cardiax.launch.bench import _pairs
    from cardiax.models import MODELS

    assert {model for task in workload.REFERENCES for model in workload.models_of(task)} == set(MODELS)
    assert "field_cnn" not in {model for _, model in _pairs([], None)}
    assert _pairs([], ["field_cnn"]) == [("heartbeat", "field_cnn"), ("arrhythmia", "field_cnn")]


def test_references_are_trained_as_they_were():
    config = workload.configure("arrhythmia", "reference_cnn", {}, bare=False)
    assert (config.batch_size, config.model_args["dropout_rate"]) == (64, 0.3)
    assert (config.optimizer.name, config.optimizer.learning_rate, config.optimizer.clip_norm) == ("adam", 1e-3, 0)
    assert (config.ema, config.augmentation) == (0, workload.PLAIN)
    ours = workload.configure("arrhythmia", "resnet1d", {}, bare=False)
    assert ours.ema > 0
    assert ours.augmentation.stretch > 0
    assert workload.configure("arrhythmia", "resnet1d", {}, bare=True).augmentation == workload.PLAIN


def test_products_of_a_scan_count_as_often_as_it_runs():
    def twice_nested(x, w):
        def outer(h, _):
            return jax.lax.scan(lambda h, _: (h @ w, None), h @ w, None, length=3)[0], None

        return jax.lax.scan(outer, x, None, length=5)[0]

    traced = jax.jit(twice_nested).trace(jnp.ones((2, 7)), jnp.ones((7, 7)))
    one = 2 * 2 * 7 * 7
    # XLA counts each of the two products once; they run 5 and 15 times.
    assert workload.products_of_scans(traced.jaxpr) == (4 + 14) * one


def test_sides_take_turns(monkeypatch):
    calls, now = [], [0.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])

    def run(name, seconds):
        def steps(count):
            calls.append((name, count))
            now[0] += count * seconds

        return steps

    times = machine.alternate({"a": run("a", 0.1), "b": run("b", 5.0)}, blocks=2, seconds=1.0)
    assert calls[4:] == [("a", 10), ("b", 1)] * 2
    assert times == {"a": pytest.approx([0.1, 0.1]), "b": pytest.approx([5.0, 5.0])}
    assert machine.spread([4.0, 1.0, 2.0, 3.0, 5.0]) == {"lower": 2.0, "median": 3.0, "upper": 4.0}


def test_the_faster_of_pytorchs_modes_counts():
    compared = pytorch_twin.compare({"cardiax": [1.0, 2.0, 1.0], "eager": [3.0, 3.0, 9.0], "compile": [2.0, 2.0, 8.0]})
    assert compared["best"] == "compile"
    assert compared["seconds"] == {"cardiax": 1.0, "eager": 3.0, "compile": 2.0}
    assert compared["ratio"]["median"] == 2.0  # of 2, 1 and 8
