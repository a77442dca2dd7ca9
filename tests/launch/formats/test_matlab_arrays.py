"""The elements of a MATLAB file."""

import zlib
from unittest import mock

import numpy as np
import scipy.io

from cardiax.file_checks import Room
from cardiax.launch.formats import matlab_arrays


def test_compressed_data_are_read_once(tmp_path, monkeypatch):
    signal, given = np.random.default_rng(0).normal(size=(2**19, 1)), []
    scipy.io.savemat(tmp_path / "a.mat", {"val": signal}, do_compression=True)
    content, plain = (tmp_path / "a.mat").read_bytes(), zlib.decompressobj

    def counted():
        unpack = plain()
        found = mock.Mock(wraps=unpack, spec=unpack)

        def decompress(data, limit):
            given.append(len(data))
            part = unpack.decompress(data, limit)
            found.unconsumed_tail, found.eof = unpack.unconsumed_tail, unpack.eof
            return part

        found.decompress = decompress
        return found

    monkeypatch.setattr(matlab_arrays.zlib, "decompressobj", counted)
    found = matlab_arrays.read_arrays(content, Room(len(content)))
    np.testing.assert_array_equal(found["val"], signal)
    assert len(content) > 3 * 2**20
    assert sum(given) < 1.1 * len(content)
