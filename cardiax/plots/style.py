"""What several plots share: colours, values with an interval, and the look of an axis."""

from matplotlib.axes import Axes

INK, PALE = "#12306b", "#9db4d6"

CLASS_COLOURS = {"N": "#1a1a1a", "S": "#0b5cad", "V": "#c2410c", "F": "#7b3294", "Q": "#6b6b6b"}
"""AAMI class → colour of its beats."""

Triple = tuple[float, float, float]
"""A value, and the lower and upper bound of its interval."""


def plain(axes: Axes) -> None:
    """Remove the frame at the top and right, and shorten the ticks."""
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
