"""What several plots share: colours, values with an interval, and the look of an axis."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from cardiax.catalog import is_aami

INK, PALE = "#12306b", "#9db4d6"

CLASS_COLOURS = {"N": "#1a1a1a", "S": "#0b5cad", "V": "#c2410c", "F": "#7b3294", "Q": "#6b6b6b"}
"""AAMI class → colour of its beats."""

_OTHERS = ("#0b5cad", "#c2410c", "#7b3294", "#2f6b3a", "#9a6a00", "#0e7c86", "#a61e4d", "#6b6b6b")


def class_colours(classes: Sequence[str], normal: str) -> dict[str, str]:
    """Return class → colour: AAMI's own colours if the classes are AAMI's, else black for the class `normal`."""
    if is_aami(classes):
        return {name: CLASS_COLOURS[name] for name in classes}
    others = [name for name in classes if name != normal]
    colours = {name: _OTHERS[index % len(_OTHERS)] for index, name in enumerate(others)}
    return {name: colours.get(name, CLASS_COLOURS["N"]) for name in classes}


Triple = tuple[float, float, float]
"""A value, and the lower and upper bound of its interval."""


def plain(axes: Axes) -> None:
    """Remove the frame at the top and right, and shorten the ticks."""
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
