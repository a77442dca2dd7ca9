"""What several plots share: names fit, and no character is an empty box."""

import io
import warnings

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist

from cardiax.plots import curves, style
from cardiax.plots.style import CLASS_COLOURS, class_colours, draw_every_character, fitting, wrapped


def test_names_are_broken_and_shortened():
    assert wrapped("normal") == "normal"
    assert wrapped("left bundle branch block") == "left bundle\nbranch block"
    assert wrapped("left bundle branch block, paced", lines=1) == "left bundle…"
    assert max(map(len, wrapped("x" * 100).splitlines())) == 12
    assert fitting("a b\nc", 1) == "a b\nc"
    assert max(map(len, fitting("word " * 50, 3).splitlines())) <= 3 * 72 / (0.56 * 8)


def drawn(text):
    figure = Figure()
    figure.suptitle(text)
    lost = draw_every_character(figure)
    with warnings.catch_warnings(record=True) as found:  # Matplotlib warns of each empty box
        warnings.simplefilter("always")
        figure.savefig(io.BytesIO(), format="png")
    return figure.get_suptitle(), lost, [str(one.message) for one in found]


def test_a_character_that_no_font_has_is_written_as_its_number():
    private = "\U000f0123"
    assert drawn(f"a{private} → b\n{private}") == ("aU+F0123 → b\nU+F0123", private, [])
    assert drawn("Vorhof-Extrasystole é − × …") == ("Vorhof-Extrasystole é − × …", "", [])


def test_another_font_that_has_it_is_used(monkeypatch):
    """STIX has U+1D49C, a script letter, which DejaVu Sans lacks; it comes with Matplotlib."""
    assert drawn("\U0001d49c") == ("\U0001d49c", "", [])
    monkeypatch.setattr(style, "_font_with", lambda character: None)
    assert drawn("\U0001d49c")[1] == "\U0001d49c"


PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
"""On linear RGB: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE Trans. Vis. Comput. Graph. 15(6), 2009."""


def lab(rgb, sight):
    """The CIELAB colour (n, 3) of sRGB colours (n, 3) as a sight has them; white is that of D65."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.clip(linear @ np.transpose(sight), 0, 1) @ np.transpose(to_xyz) / [0.95047, 1.0, 1.08883]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def least_difference(colours, sight):
    """The least CIE 1976 difference between two of the colours."""
    return pdist(lab(to_rgba_array(colours)[:, :3], sight)).min()


@pytest.mark.parametrize("sight", [np.eye(3), PROTANOPIA, DEUTERANOPIA], ids=["usual", "protanopia", "deuteranopia"])
def test_the_colour_blind_tell_colours_apart(sight):
    assert least_difference(list(CLASS_COLOURS.values()), sight) > 25
    names = [f"rhythm {number}" for number in range(9)]
    assert least_difference(list(class_colours(names, names[0]).values()), sight) > 17
    assert least_difference(curves.COLOURS, sight) > 25
    bands = (np.arange(13) + 0.5) / 13  # isochrones each 10 ms, up to 130 ms
    for name in ("viridis_r", "inferno"):
        assert least_difference(colormaps[name](bands), sight) > 5, name
    assert least_difference(colormaps["RdBu_r"]((np.arange(10) + 0.5) / 10), sight) > 8
