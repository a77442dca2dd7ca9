"""Arrays as text: what `unpack` of the script reads is what was given. `decoded` follows the rules of the docstring."""

import numpy as np
import pytest

from cardiax.launch.page.packed import packed


@pytest.mark.parametrize(
    ("values", "step", "size"),
    [
        ([[1.0, -2.0, 3.0], [0.25, np.nan, -0.5]], 0.25, 2),
        ([np.nan, np.nan], 1.0, 2),
        ([32767.0, -32767.0, 32767.0], 1.0, 2),  # differences beyond 16 bits
        ([0.0, 86400.0, np.nan, 5.0], 0.001, 4),
        (np.zeros((0,)), 1.0, 2),
        (np.zeros((3, 0)), 1.0, 2),
    ],
)
def test_values_come_back_to_half_a_step(values, step, size, decoded):
    one = packed(values, step)
    assert one["bytes"] == size
    np.testing.assert_allclose(decoded(one), values, atol=step / 2)


def test_a_smooth_signal_takes_less_than_a_byte_a_sample():
    signal = np.sin(np.arange(18000) / 30)
    assert len(packed(signal, 0.005)["deflate"]) < 18000


@pytest.mark.parametrize("value", [np.inf, -np.inf, 2.0**40])
def test_what_cannot_be_written_is_refused(value):
    with pytest.raises(ValueError, match="finite values"):
        packed([value])
