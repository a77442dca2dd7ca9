"""The campaign of corruption sees a result that differs, one that is reported, and a traceback."""

import random

import pytest

from cardiax.errors import InputError
from tests.campaign.corruption import corruptions, judged


def test_each_verdict(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"7")

    def read():
        content = path.read_bytes()
        if content == b"":
            raise InputError(f"{path}: found nothing, expected a digit")
        return int(content) % 5

    assert judged(path, b"12", read, 2) == "same"
    assert judged(path, b"8", read, 2) == "another result"
    assert judged(path, b"", read, 2) == "reported"
    assert judged(path, b"x", read, 2).startswith("ValueError: invalid literal")
    assert path.read_bytes() == b"7"  # put back


@pytest.mark.parametrize(("size", "flips"), [(700, 700), (20_000, 400)])
def test_every_byte_of_a_small_file_and_some_of_a_large_one(size, flips):
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    found = list(corruptions(random.Random(0), "a", content, b"of the other"))
    flipped = [one for what, one in found if " byte " in what]
    assert len(flipped) == len(set(flipped)) == flips
    assert all(sum(a != b for a, b in zip(one, content, strict=True)) == 1 for one in flipped)
    lengths = {len(one) for what, one in found if " cut to " in what}
    assert {0, size - 1} <= lengths
    assert len(lengths) >= 2 + (size - 1) // 512
    assert found[-1][1] == b"of the other"
