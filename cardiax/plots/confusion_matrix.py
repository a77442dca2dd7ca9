"""Plot of a confusion matrix for a paper."""

import itertools
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from cardiax.plots.style import fitting, wrapped

COLUMN_WIDTH = 3.5
"""Inches: the column width of a two-column IEEE journal."""


def _oklab_line(start: tuple[float, float, float], end: tuple[float, float, float]) -> np.ndarray:
    """Return 256 sRGB colours (256, 3) on the straight line between two Oklab colours (L, a, b).

    Equal steps in Oklab look equally large, so the map is perceptually uniform. Matrices: B. Ottosson, "A perceptual
    color space for image processing", 2020; transfer function: IEC 61966-2-1.
    """
    oklab = np.linspace(start, end, 256)
    lms = oklab @ np.array(
        [[1, 1, 1], [0.3963377774, -0.1055613458, -0.0894841775], [0.2158037573, -0.0638541728, -1.2914855480]]
    )
    linear = lms**3 @ np.array(
        [
            [4.0767416621, -1.2684380046, -0.0041960863],
            [-3.3077115913, 2.6097574011, -0.7034186147],
            [0.2309699292, -0.3413193965, 1.7076147010],
        ]
    )
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


PAPER_TO_NAVY = ListedColormap(_oklab_line((0.985, 0.0, -0.006), (0.30, -0.01, -0.13)), name="paper_to_navy")
"""Sequential, perceptually uniform colour map from nearly white, so that empty cells take no ink, to dark blue."""


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Plot counts and row percentages, coloured by row percentage so that rare classes are as legible as common ones.

    Classes without examples have no row, and no column unless they were predicted; the axis of true classes names them.

    The counts (C, C) have a row for each true and a column for each predicted class of `classes`. The figure is one
    column wide, or wider for many classes.
    """
    is_true = np.asarray(confusion.any(axis=1))
    is_shown = is_true | np.asarray(confusion.any(axis=0))
    names = [wrapped(name) for name in classes]
    rows, columns = (list(itertools.compress(names, some)) for some in (is_true, is_shown))
    absent = ", ".join(name for name, there in zip(classes, is_true, strict=True) if not there)
    confusion = confusion[is_true][:, is_shown]
    percent = 100 * confusion / confusion.sum(axis=1, keepdims=True)

    width = max(COLUMN_WIDTH, 0.5 * len(columns))
    figure = Figure(figsize=(width, 0.86 * width), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(percent, cmap=PAPER_TO_NAVY, vmin=0, vmax=100, aspect="auto")
    size = min(9, 35 / min(len(columns), 7))  # points
    for (row, column), count in np.ndenumerate(confusion):
        ink = _legible_ink(PAPER_TO_NAVY(percent[row, column] / 100))
        axes.text(column, row, f"{count}\n", ha="center", va="center", fontsize=size, color=ink, linespacing=1.3)
        axes.text(
            column, row, f"\n{percent[row, column]:.1f}%", ha="center", va="center", fontsize=0.8 * size, color=ink
        )

    upright = 0 if max(map(len, names)) <= 2 else 90  # horizontal long names would narrow the matrix
    axes.set_xticks(range(len(columns)), columns, fontsize=7, rotation=upright if len(columns) > 4 else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=7, rotation=upright if len(rows) <= 4 else 0, va="center")
    axes.set_xlabel("Predicted class", fontsize=8)
    axes.set_ylabel(f"True class (none: {textwrap.shorten(absent, 30)})" if absent else "True class", fontsize=8)
    figure.suptitle(fitting(title, width), fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=axes, ticks=range(0, 101, 25), pad=0.02, aspect=18)
    bar.set_label("Share of the true class (%)", fontsize=7)
    bar.ax.tick_params(labelsize=6, length=2)
    bar.outline.set_visible(False)
    return figure


def _legible_ink(colour: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever has the higher contrast ratio on an sRGB `colour` (WCAG 2.1)."""
    srgb = np.asarray(colour[:3])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"
