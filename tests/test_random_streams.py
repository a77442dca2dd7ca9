"""Random words: a stream for each purpose and each number, the same on every machine."""

import hashlib
import itertools
import re
from pathlib import Path

import numpy as np

from cardiax.random_streams import stream

ROOT = Path(__file__).resolve().parent.parent


def test_the_words_are_those_of_philox_with_a_key_by_hand():
    key = int.from_bytes(hashlib.sha256(b"('split', 3)").digest()[:16], "little")
    expected = np.random.Philox(key=key).random_raw(5)
    np.testing.assert_array_equal(stream("split", 3).random_raw(5), expected)
    np.testing.assert_array_equal(stream("split", np.int64(3)).random_raw(5), expected)


def test_no_two_purposes_or_numbers_share_words():
    source = "".join(path.read_text() for path in (ROOT / "cardiax").rglob("*.py"))
    purposes = re.findall(r'(?:stream|_uniform)\("([a-z ]+)"', source)
    assert len(purposes) == len(set(purposes)) >= 8
    names = [(word, *numbers) for word in purposes for numbers in [(), *itertools.product(range(3), repeat=2)]]
    first = [tuple(stream(*name).random_raw(2)) for name in names]
    assert len(set(first)) == len(names)


def test_every_stream_of_the_library_has_a_purpose():
    # The simulated hearts keep the key that they were fitted with.
    direct = [path.name for path in (ROOT / "cardiax").rglob("*.py") if "Philox(" in path.read_text()]
    assert sorted(direct) == ["random_streams.py", "volunteers.py"]
