"""What several plots share: colours, values with an interval, names that fit, and the look of an axis."""

import functools
import textwrap
from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from cardiax.catalog import is_aami

INK, PALE, RUST = "#12306b", "#9db4d6", "#c1440e"

CLASS_COLOURS = {"N": "#1a1a1a", "S": "#1976c8", "V": "#c2410c", "F": "#5f1278", "Q": "#6b6b6b"}
"""AAMI class → colour of its beats; colour-blind readers can tell them apart (tests/plots/test_style.py)."""

OTHERS = ("#1976c8", "#c2410c", "#5f1278", "#926d6d", "#0000db", "#6d2400", "#9292b6", "#494949")
"""Colours of other classes, which colour-blind readers can tell apart, also from black."""


def class_colours(classes: Sequence[str], normal: str) -> dict[str, str]:
    """Return class → colour: AAMI's own colours if the classes are AAMI's, else black for the class `normal`."""
    if is_aami(classes):
        return {name: CLASS_COLOURS[name] for name in classes}
    others = [name for name in classes if name != normal]
    colours = {name: OTHERS[index % len(OTHERS)] for index, name in enumerate(others)}
    return {name: colours.get(name, CLASS_COLOURS["N"]) for name in classes}


Triple = tuple[float, float, float]
"""A value, and the lower and upper bound of its interval."""


def plain(axes: Axes) -> None:
    """Remove the frame at the top and right, and shorten the ticks."""
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)


def wrapped(name: str, width: int = 12, lines: int = 2) -> str:
    """Break a name into lines of at most `width` characters; of a longer one the end becomes an ellipsis."""
    return textwrap.fill(name, width, max_lines=lines, placeholder="…") if len(name) > width else name


def fitting(title: str, width: float, size: float = 8) -> str:
    """Break the lines of a title that are longer than `width`, inches, in letters of `size` points."""
    most = int(72 * width / (0.56 * size))  # the mean width of DejaVu Sans' letters is 0.56 of their size
    return "\n".join(textwrap.fill(line, most) for line in title.splitlines())


def draw_every_character(figure: Figure) -> str:
    """Give each text of a figure fonts that have its characters, so that none is drawn as an empty box.

    A character that no installed font has is written as its number, e.g. U+5FC3; these are returned.
    """
    lost: set[str] = set()
    for text in figure.findobj(Text):
        fonts = [str(font_manager.findfont(text.get_fontproperties()))]
        for character in text.get_text():
            if character.isspace() or any(ord(character) in _characters(font) for font in fonts):
                continue
            if font := _font_with(ord(character)):
                fonts.append(font)
                family = font_manager.get_font(font).family_name
                text.set_fontfamily([*text.get_fontfamily(), family])
            else:
                text.set_text(text.get_text().replace(character, f"U+{ord(character):04X}"))
                lost.add(character)
    return "".join(sorted(lost))


@functools.cache
def _characters(font: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(font).get_charmap())


@functools.cache
def _font_with(character: int) -> str | None:
    """Return the file of an installed font that has a character, except one of placeholders for all of them."""
    fonts = (entry.fname for entry in font_manager.fontManager.ttflist if not entry.name.startswith("Last Resort"))
    return next((font for font in fonts if character in _characters(font)), None)
