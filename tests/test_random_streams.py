"""Random words: a stream for each purpose and each number, the same on every machine."""

import hashlib
import itertools
import re
from pathlib import Path

import numpy as np
from scipy import stats

from cardiax.random_streams import standard_normal, stream

ROOT = Path(__file__).resolve().parent.parent


def test_the_words_are_those_of_philox_with_a_key_by_hand():
    key = int.from_bytes(hashlib.sha256(b"('split', 3)").digest()[:16], "little")
    expected = np.random.Philox(key=key).random_raw(5)
    np.testing.assert_array_equal(stream("split", 3).random_raw(5), expected)
    np.testing.assert_array_equal(stream("split", np.int64(3)).random_raw(5), expected)


def test_no_two_purposes_or_numbers_share_words():
    source = "".join(path.read_text() for path in (ROOT / "cardiax").rglob("*.py"))
    purposes = re.findall(r'(?:stream|_uniform|_drawn)\("([a-z ]+)"', source)
    assert len(purposes) == len(set(purposes)) >= 8
    names = [(word, *numbers) for word in purposes for numbers in [(), *itertools.product(range(3), repeat=2)]]
    first = [tuple(stream(*name).random_raw(2)) for name in names]
    assert len(set(first)) == len(names)


def test_every_stream_of_the_library_has_a_purpose():
    # The simulated hearts keep the key that they were fitted with.
    direct = [path.name for path in (ROOT / "cardiax").rglob("*.py") if "Philox(" in path.read_text()]
    assert sorted(direct) == ["random_streams.py", "volunteers.py"]


def test_normal_numbers_of_uniform_ones():
    # Box and Muller by hand: the first half gives the radii, √(−2 ln(1 − u)), and the second the angles, 2π v.
    found = standard_normal(np.array([[0.0, 0.5, 0.8, 0.3, 0.0, 0.25], [0.5, 0.5, 0.5, 0.5, 0.5, 0.125]]))
    two, five = np.sqrt(2 * np.log([2, 5]))
    np.testing.assert_allclose(found, [[0, two, 0], [-two, -two, two / np.sqrt(2)]], atol=1e-15)
    np.testing.assert_allclose(standard_normal(np.array([0.8, 0.5])), [-five])
    drawn = standard_normal(np.random.default_rng(0).random((2, 20_000)))
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 0.001
