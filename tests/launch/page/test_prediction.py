"""The words of a prediction on its page."""

import pytest

from cardiax.launch.page.prediction import sentence


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("warning: V1 is flat", "Warning: V1 is flat."),
        ("the mean is 3 ms.", "The mean is 3 ms."),
        ("aVR, aVL and aVF follow", "aVR, aVL and aVF follow."),
        ("ecg_1.csv: found no rate", "ecg_1.csv: found no rate."),
    ],
)
def test_lines_become_sentences(line, expected):
    assert sentence(line) == expected
