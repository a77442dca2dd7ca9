"""Maps on the heart: activation times with isochrones, and the voltage of a beating heart."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from cardiax.ecg.leads import LEADS
from cardiax.plots.heart_surface import look, named_places, render
from cardiax.plots.style import RUST, draw_every_character, fitting, plain
from cardiax.simulate.heart_geometry import Heart, spline_weights

VIEWS = {"anterior": 110.0, "inferolateral": -50.0}
"""Name of a view → azimuth of the eye, degrees."""

ISOCHRONE = 10.0
"""Time between isochrones, ms."""

SUNK, HIDDEN = 1.5, 8.0  # mm: deeper sites are in the wall, and names farther behind the axis are not written
BESIDE = ("II", "V1", "V5")
"""The leads beside the beating heart."""

ROOM = 6.0  # mm around the heart
PIXELS = 420

Extent = tuple[float, float, float, float]
"""Left, right, bottom and top of a plot, mm."""


def activation_figure(heart: Heart, predicted: np.ndarray, title: str, true: np.ndarray | None = None) -> Figure:
    """Plot activation times on the heart from two sides: predicted, or true, predicted and error side by side.

    Times are interpolated between the sites by a spline of distances, and so is the error, predicted − true. Each band
    of 10 ms has one colour, that of the bar, and lines are isochrones between bands. Dots are the sites in sight.

    Times are (75,), ms; NaN for a site that does not activate, which is left out. If no site activates, the maps are
    empty and the title says so.
    """
    columns = [("predicted", predicted)] if true is None else [("true", true), ("predicted", predicted)]
    known = np.isfinite(np.sum([times for _, times in columns], axis=0))
    points, triangles, sites = heart.points, heart.triangles, heart.sites
    weights = spline_weights(heart.unfolded, heart.unfolded[sites[known]])
    if not known.any():
        title = f"{title}: no site activates"

    def over_heart(values: np.ndarray) -> np.ndarray:
        return weights @ values[known] if known.any() else np.full(len(points), np.nan)

    latest = max(times[known].max(initial=0) for _, times in columns)
    latest = max(np.ceil(latest / ISOCHRONE) * ISOCHRONE, ISOCHRONE)
    times_norm = BoundaryNorm(np.arange(0, latest + 1, ISOCHRONE), 256)
    drawn = [(name, over_heart(times), times_norm, colormaps["viridis_r"]) for name, times in columns]
    if true is not None:
        error = predicted - true
        largest = float(np.abs(error[known]).max(initial=1.0))
        bands = MaxNLocator(10, steps=[1, 2, 5, 10], symmetric=True).tick_values(-largest, largest)
        drawn.append(("error", over_heart(error), BoundaryNorm(bands, 256), colormaps["RdBu_r"]))

    figure = Figure(figsize=(2.6 * len(drawn) + 0.4, 5.6), layout="constrained")
    panels = figure.subplots(len(VIEWS), len(drawn), squeeze=False)
    for row, (view, azimuth) in enumerate(VIEWS.items()):
        seen = look(points, azimuth)
        extent = _extent(seen)
        depth, _ = render(seen, triangles, seen[:, 2], extent, PIXELS)
        for column, (name, values, norm, colours) in enumerate(drawn):
            axes = panels[row, column]
            image, light = render(seen, triangles, values, extent, PIXELS)
            axes.imshow(_coloured(image, light, norm, colours), origin="lower", extent=extent)
            _mark(axes, seen[sites], depth, extent)
            if column == 0:
                _name(axes, points, sites, azimuth)
            if name != "error":
                levels = np.arange(ISOCHRONE, latest, ISOCHRONE)
                # Matplotlib warns about levels outside the values.
                levels = levels[(levels > values.min()) & (levels < values.max())]
                if len(levels):
                    x, y = np.linspace(*extent[:2], image.shape[1]), np.linspace(*extent[2:], image.shape[0])
                    axes.contour(x, y, image, levels, colors="black", linewidths=0.35)
            axes.axis("off")
            if row == 0:
                axes.set_title(name, fontsize=9)
            if column == 0:
                axes.text(extent[0], extent[3], view, fontsize=7, va="top", color="grey")
    label = f"activation time (ms), isochrones each {ISOCHRONE:g} ms"
    bars = [(*drawn[0][2:], label, panels[:, : len(columns)])]
    if true is not None:
        bars.append((*drawn[-1][2:], "predicted − true (ms)", panels[:, -1:]))
    for norm, colours, label, axes in bars:
        bar = figure.colorbar(
            ScalarMappable(norm, colours), ax=axes.ravel().tolist(), location="bottom", shrink=0.8, aspect=30
        )
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.ax.xaxis.set_major_locator(FixedLocator(list(norm.boundaries), 7))
    figure.suptitle(fitting(title, figure.get_figwidth()), fontsize=8)
    return figure


def _extent(seen: np.ndarray) -> Extent:
    """Return the frame of points (P, 3), mm in eye coordinates, with room around them."""
    low, high = seen[:, :2].min(axis=0) - ROOM, seen[:, :2].max(axis=0) + ROOM
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _mark(axes: Axes, sites: np.ndarray, depth: np.ndarray, extent: Extent) -> None:
    """Draw the sites (75, 3), mm in eye coordinates, that are in sight; `depth` is the surface's, from `render`."""
    height, width = depth.shape
    column = (sites[:, 0] - extent[0]) / (extent[1] - extent[0]) * width
    row = (sites[:, 1] - extent[2]) / (extent[3] - extent[2]) * height
    surface = depth[np.clip(row.astype(int), 0, height - 1), np.clip(column.astype(int), 0, width - 1)]
    seen = ~(sites[:, 2] < surface - SUNK)
    axes.scatter(sites[seen, 0], sites[seen, 1], s=2.5, c="black", linewidths=0, zorder=3)


def _name(axes: Axes, points: np.ndarray, sites: np.ndarray, azimuth: float) -> None:
    """Name the parts of the heart on the side of the eye."""
    short = {"left ventricle": "LV", "right ventricle": "RV"}
    for name, place in named_places(points, points[sites]).items():
        x, y, _ = look(place, azimuth)
        if name == "apex" or look(place * [1, 1, 0], azimuth)[2] > -HIDDEN:
            box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.75, "linewidth": 0}
            axes.text(x, y, short.get(name, name), fontsize=5.5, ha="center", va="center", bbox=box, zorder=4)


def beating_frames(heart: Heart, voltage: np.ndarray, leads: np.ndarray, title: str, frames: int = 50) -> np.ndarray:
    """Render a beating heart coloured by its voltage, from two sides, beside its ECG: uint8 (frames, height, width, 3).

    Depolarised muscle moves towards the long axis by up to 8 %, 60 ms later: an illustration of contraction, not a
    simulation. Voltage (T, 75) and leads (T, 12) are in mV at 1 kHz; frames are evenly spaced over the beat.
    """
    points, triangles = heart.points, heart.triangles
    weights = spline_weights(heart.unfolded, heart.unfolded[heart.sites])
    norm, colours = Normalize(-90.0, 40.0), colormaps["inferno"]

    def seen(sample: int, azimuth: float, extent: Extent) -> np.ndarray:
        earlier = weights @ voltage[max(sample - 60, 0)]
        drawn_in = 0.08 * np.clip((earlier + 85.0) / 105.0, 0, 1)
        moved = points * np.stack([1 - drawn_in, 1 - drawn_in, 1 - drawn_in / 2], axis=1)
        image, light = render(look(moved, azimuth), triangles, weights @ voltage[sample], extent, 240)
        return _coloured(image, light, norm, colours)

    figure = Figure(figsize=(7.2, 3.1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    figure.text(0.01, 0.98, fitting(title, 7.2, size=7), fontsize=7, va="top")
    hearts = []
    for column, (view, azimuth) in enumerate(VIEWS.items()):
        axes = figure.add_axes((0.01 + 0.29 * column, 0.17, 0.28, 0.6))
        extent = _extent(look(points, azimuth))
        hearts.append((axes.imshow(seen(0, azimuth, extent), origin="lower", extent=extent), azimuth, extent))
        axes.axis("off")
        axes.set_title(view, fontsize=8, color="grey")
    bar = figure.colorbar(
        ScalarMappable(norm, colours), cax=figure.add_axes((0.12, 0.13, 0.36, 0.03)), orientation="horizontal"
    )
    bar.set_label("transmembrane voltage (mV)", fontsize=7, labelpad=0)
    bar.ax.tick_params(labelsize=6)
    beside = [figure.add_axes((0.68, 0.62 - 0.23 * row, 0.3, 0.19)) for row in range(len(BESIDE))]
    for name, axes in zip(BESIDE, beside, strict=True):
        axes.plot(leads[:, LEADS.index(name)], color="black", linewidth=0.9)
        axes.set_ylabel(f"{name} (mV)", fontsize=7)
        axes.margins(x=0)
        plain(axes)
    for axes in beside[:-1]:
        axes.tick_params(labelbottom=False)
    beside[-1].set_xlabel("time (ms)", fontsize=7, labelpad=1)
    cursors = [axes.axvline(0, color=RUST, linewidth=1.2) for axes in beside]
    draw_every_character(figure)
    plots = []
    for sample in np.linspace(0, len(voltage) - 1, frames).astype(int).tolist():
        for shown, *view in hearts:
            shown.set_data(seen(sample, *view))
        for cursor in cursors:
            cursor.set_xdata([sample, sample])
        beside[0].set_title(f"{sample} ms", fontsize=9)
        canvas.draw()
        plots.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(plots)


def _coloured(image: np.ndarray, light: np.ndarray, norm: Normalize, colours: Colormap) -> np.ndarray:
    """Return the shaded RGB colours of the values, white outside the heart."""
    lit = colours(norm(np.nan_to_num(image)))[..., :3] * light[..., None]
    return np.where(np.isfinite(image)[..., None], np.clip(lit, 0, 1), 1.0)
