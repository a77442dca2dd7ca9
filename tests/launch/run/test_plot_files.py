"""Plots as files: GIFs whose colours do not flicker, and names with any characters."""

import numpy as np
from PIL import Image, ImageSequence

from cardiax.launch.run.plot_files import save_plot


def test_what_stays_the_same_has_the_same_colour_in_all_frames_of_a_gif(tmp_path):
    """Each frame fills one half with colours of its own, which a palette of that frame alone would be spent on."""
    generator = np.random.default_rng(0)
    frames = np.empty((6, 40, 80, 3), np.uint8)
    frames[:, :, :40] = np.linspace([90, 10, 20], [100, 200, 220], 40)
    frames[:, :, 40:] = generator.integers(0, 40, (6, 40, 40, 3)) + 40 * np.arange(6)[:, None, None, None]
    (path,) = save_plot(tmp_path / "plot", lambda: frames)
    with Image.open(path) as image:
        shown = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)])
    assert len(shown) == 6
    assert (shown[:, :, :40] == shown[0, :, :40]).all()
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(shown.astype(int) - frames).mean(axis=(1, 2, 3)).max() < 5  # the palette is that of all frames


def test_a_character_without_a_font_is_told_once(tmp_path, capsys):
    from matplotlib.figure import Figure

    def draw():
        figure = Figure()
        figure.suptitle("rhythm \U000f0124")
        return figure

    assert len(save_plot(tmp_path / "one", draw) + save_plot(tmp_path / "two", draw)) == 2
    error = capsys.readouterr().err
    assert error.startswith("cardiax: warning: plots: found \U000f0124, which no installed font has")
    assert error.count("\n") == 1


def test_a_name_with_dollar_signs_is_drawn_as_it_is(tmp_path, capsys):
    from matplotlib.figure import Figure

    def draw():
        figure = Figure()
        figure.suptitle("rhythm $x^$")
        return figure

    assert save_plot(tmp_path / "plot", draw) == [tmp_path / "plot.png"]
    assert capsys.readouterr().err == ""
