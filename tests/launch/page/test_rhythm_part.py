"""The data of the page's recording: rates and burdens by hand, and a signal that fits."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiax.launch.page import rhythm_part
from cardiax.launch.predictors.influence import Influence


def test_rates_of_bins(decoded):
    times = np.array([1.0, 2.0, 3.0, 12.0, 12.5])
    rr = np.array([np.nan, 1.0, 1.0, np.nan, 0.5])
    found = rhythm_part.rates(times, rr, 30.0, 10.0)
    np.testing.assert_allclose(decoded(found["middle"]), [60, 120, np.nan], atol=0.1)
    slow = rhythm_part.rates(np.array([1.0, 2.0, 4.0]), np.array([np.nan, 1.0, 2.0]), 10.0, 10.0)
    assert decoded(slow["low"])[0] == pytest.approx(60 / 1.95, abs=0.1)  # the 95 % quantile of 1 s and 2 s
    assert decoded(slow["high"])[0] == pytest.approx(60 / 1.05, abs=0.1)


def test_beats_of_bins():
    found = rhythm_part.burdens(np.array([0.0, 9.9, 10.0, 29.9]), np.array([0, 2, 2, 1]), 30.0, 10.0, 5)
    assert found["beats"] == [[1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0], [0, 0, 0]]


def recording(seconds, ectopic=()):
    signal = np.random.default_rng(0).normal(size=round(180 * seconds)).astype(np.float16)
    times = np.arange(0.5, seconds, 1.0)
    names = np.where(np.isin(times // 60, ectopic), "V", "N")
    summary = SimpleNamespace(duration_s=float(seconds))
    return SimpleNamespace(signal=signal, times=times, names=names, summary=summary, normal="N")


def test_a_short_signal_is_whole(decoded):
    one = recording(130)
    found = rhythm_part.signal(one)
    assert found["rate"] == 180
    np.testing.assert_allclose(np.concatenate([decoded(chunk) for chunk in found["chunks"]]), one.signal, atol=0.0026)
    assert [len(decoded(chunk)) for chunk in found["chunks"]] == [10800, 10800, 1800]
    assert found["text"].startswith("The whole signal is in this file")


def test_of_a_long_one_the_minutes_with_ectopic_beats_are_kept():
    one = recording(600, ectopic=(3, 7))
    found = rhythm_part.signal(one, budget=18_000)  # a minute of noise takes about 10,000
    assert found["rate"] == 90
    assert [index for index, chunk in enumerate(found["chunks"]) if chunk] == [3, 7]
    assert found["text"].startswith("2 of 10 minutes of the signal are in this file")


def test_half_the_samples_keep_the_waves(decoded):
    slow = recording(120)
    slow.signal = np.sin(2 * np.pi * 5 * np.arange(21600) / 180).astype(np.float16)
    slow.summary.duration_s = 7 * 3600.0  # of a long recording every second sample is kept
    found = rhythm_part.signal(slow)
    np.testing.assert_allclose(
        decoded(found["chunks"][0])[90:], np.sin(2 * np.pi * 5 * np.arange(5400) / 90)[90:], atol=0.02
    )


def test_the_influence_of_each_lead_is_relative_to_the_greatest(decoded):
    leads = np.stack([np.full(192, 0.5), np.full(192, -2.0)], axis=1).astype(np.float32)
    one = SimpleNamespace(
        median_beats={"N": np.zeros((192, 2)), "V": np.ones((192, 2))},
        quartiles={"N": np.zeros((2, 192, 2)), "V": np.ones((2, 192, 2))},
        leads=("II", "V1"),
        influences={"V": Influence(leads, 1.25, 3)},
    )
    normal, ventricular = rhythm_part.medians(one)["classes"]
    assert "influence" not in normal["leads"][0]
    assert ventricular["influence"] == "shape -288.0, rhythm +1.2"
    second, first = (decoded(lead["influence"])[96] for lead in reversed(ventricular["leads"]))
    assert (second, first) == pytest.approx((-1.0, 0.25), abs=0.01)
