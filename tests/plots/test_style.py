"""What several plots share: names fit, and no character is an empty box."""

import io
import warnings

from matplotlib.figure import Figure

from cardiax.plots import style
from cardiax.plots.style import draw_every_character, fitting, wrapped


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
