"""The table of overheads: a step of the same batch on one device, and divided over devices and processes."""

import dataclasses
import json

import pytest

from cardiax.launch.timing import device_scaling
from cardiax.launch.timing.device_scaling import loss_difference, measure_scaling, table
from cardiax.launch.timing.workload import configure

pytestmark = pytest.mark.usefixtures("small_products")

TINY = ("--model-args", "channels=(4,),widths=(4,),dropout_rate=0.0", "--blocks", "2", "--seconds", "0.01")


@pytest.mark.slow
def test_every_layout_has_the_same_losses(monkeypatch, cardiax, tmp_path):
    monkeypatch.setattr(device_scaling, "LAYOUTS", ((1, 8), (2, 1)))
    file = tmp_path / "bench.json"
    status, out, error = cardiax("bench", "heartbeat", "--model", "reference_cnn", "--scaling", *TINY, "--json", file)
    assert status == 0, error
    (result,) = json.loads(file.read_text())["scaling"]
    assert (result["task"], result["model"], result["batch_size"]) == ("heartbeat", "reference_cnn", 64)
    eight, pair = result["layouts"]
    assert (eight["processes"], eight["devices"], pair["processes"], pair["devices"]) == (1, 8, 2, 1)
    # Another order of sums, and nothing else: another batch would differ by much more.
    assert pair["loss_difference"] < 1e-5
    assert eight["loss_difference"] == 0
    assert eight["ratio"]["median"] == 1
    assert pair["step_seconds"]["median"] > 0
    assert table(result) in out


def test_the_table_stands_beside_the_first_row():
    def row(processes, devices, seconds, ratio, difference):
        times, ratios = ({"lower": 0.9 * one, "median": one, "upper": 1.1 * one} for one in (seconds, ratio))
        found = {"processes": processes, "devices": devices, "step_seconds": times, "ratio": ratios}
        return found | {"loss_difference": difference}

    result = {"task": "arrhythmia", "model": "m", "batch_size": 8}
    result["layouts"] = [row(1, 1, 0.01, 1.0, 0.0), row(2, 1, 0.015, 1.5, 1e-6)]
    first, second = table(result).splitlines()[2:]
    assert first.split() == ["1", "1", "10.0", "1.00", "0.90", "…", "1.10", "0.0e+00"]
    assert second.split() == ["2", "1", "15.0", "1.50", "1.35", "…", "1.65", "1.0e-06"]


def test_the_difference_of_losses_is_relative_and_of_the_first_steps():
    same = [2.0] * device_scaling.COMPARED
    assert loss_difference([2.0, 1.8, *same], [2.0, 2.0, *same[2:], 9.0]) == pytest.approx(0.1)


def test_a_process_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(device_scaling, "LAYOUTS", ((1, 8),))
    config = configure("heartbeat", "reference_cnn", {"channels": (4,), "widths": (4,)}, bare=False)
    with pytest.raises(RuntimeError, match=r"1 × 8: a process ended: (.|\n)*batch_size: found 12"):
        measure_scaling(dataclasses.replace(config, batch_size=12), blocks=2, seconds=0.01)


def test_mistakes(cardiax):
    told = cardiax.mistake("bench", "--scaling", "--peer", "torch")
    assert "found --scaling and --peer torch, expected only one of them" in told
