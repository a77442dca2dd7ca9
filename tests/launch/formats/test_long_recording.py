"""Long recordings read in parts: the same samples, leads and units as in one piece."""

import numpy as np
import pytest

from cardiax.ecg.beat_windows import filtered
from cardiax.errors import InputError
from cardiax.launch.formats.long_recording import read_leads


@pytest.mark.parametrize("rate", [128.0, 250.0, 333.3, 360.0, 1000.0])
def test_parts_filtered_one_by_one_are_those_of_the_whole(rate):
    random = np.random.default_rng(0)
    signal = np.cumsum(random.normal(size=(round(200 * rate), 2)), 0) / 50
    recording = read_leads(signal, rate)
    whole = filtered(signal, rate)
    parts = list(recording.parts(45.0, 10.0))
    assert len(parts) == 4
    assert [first for first, *_ in parts[1:]] == [last for _, last, *_ in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == (0, len(signal))
    for first, last, low, values in parts:
        np.testing.assert_array_equal(values, signal[low : low + len(values)])
        assert low <= max(first - 10 * rate, 0)
        assert low + len(values) >= min(last + 10 * rate, len(signal))
        start, stop = (round((at - low) * 180 / rate) for at in (first, last))
        base = round(low * 180 / rate)
        np.testing.assert_allclose(filtered(values, rate)[start:stop], whole[base + start : base + stop], atol=2e-3)


def test_leads_in_order_and_in_millivolts(tmp_path):
    header = "time_s,Resp,V1 (uV),-aVR (mV),ECG II (V)\n"
    rows = np.column_stack([np.arange(1000) / 250, np.ones(1000), np.full(1000, 500.0), np.ones(1000), np.ones(1000)])
    (tmp_path / "a.csv").write_text(header + "\n".join(",".join(map(str, row)) for row in rows))
    recording = read_leads(tmp_path / "a.csv")
    assert (recording.names, recording.rate, recording.samples) == (("II", "V1", "aVR"), 250.0, 1000)
    assert recording.notes == ("Resp left out: no ECG leads",)
    ((*_, values),) = recording.parts(60.0, 10.0)
    np.testing.assert_allclose(values, [[1000.0, 0.5, -1.0]] * 1000)


def test_one_column_and_missing_values():
    signal = np.ones(5000, np.float32)
    signal[[3, 4]] = np.nan, np.inf
    recording = read_leads(signal, 250.0, unit="uv")
    assert recording.names == ("channel 1",)
    ((*_, values),) = recording.parts(60.0, 10.0)
    assert np.isnan(values[3:5]).all()
    np.testing.assert_allclose(np.delete(values, [3, 4]), 1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 60.0}, r"^array: found a sampling rate of 60 Hz, expected 100 to 5000 Hz to find R peaks$"),
        ({}, r"^array: found 5000 samples and no sampling rate"),
        ({"rate": 250.0, "names": ["I"]}, r"^array: found 2 channels, expected the 1 of --leads$"),
        ({"rate": 250.0, "names": ["Resp", "ABP"]}, r"^array: found no lead among the channels Resp, ABP, expected"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(InputError, match=message):
        read_leads(np.zeros((5000, 2)), **arguments)


def test_channels_of_one_name_are_told_apart():
    signal = np.ones((5000, 4))
    assert read_leads(signal, 250.0, ["ECG", "ECG", "II", "ecg 2"]).names[1:] == ("ECG", "ECG 2", "ecg 2")
    assert read_leads(signal, 250.0, ["ECG", "ECG", "ECG 2", "ECG"]).names == ("ECG", "ECG 3", "ECG 2", "ECG 4")
