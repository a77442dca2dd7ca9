"""Plots as files. A plot that fails is one warning, since the results that it shows are already on disk."""

import contextlib
import functools
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.launch.run.run_folder import write_atomically


def save_plot(path: Path, draw: Callable[[], Any]) -> list[Path]:
    """Save what `draw` returns, a Matplotlib figure as `path`.png or frames uint8 (n, height, width, 3) as `path`.gif.

    Returns a list of the path; empty if it cannot be drawn or written, which is a warning (`without_losing_results`).
    """
    import matplotlib

    from cardiax.plots.style import draw_every_character

    with without_losing_results(path):
        with matplotlib.rc_context({"text.parse_math": False}):  # a name may have dollar signs
            plot, image = draw(), io.BytesIO()
        if isinstance(plot, np.ndarray):
            ending = "gif"
            write_gif(image, plot)
        else:
            ending = "png"
            _warn_of_characters(draw_every_character(plot))
            plot.savefig(image, format=ending, dpi=300)
        whole = path.with_name(f"{path.name}.{ending}")
        write_atomically(whole, image.getvalue())
        return [whole]
    return []


@contextlib.contextmanager
def without_losing_results(plot: Path | str) -> Iterator[None]:
    """Turn any failure to draw `plot` into one line on stderr: the results that it shows are already on disk."""
    try:
        yield
    except Exception as error:  # Matplotlib, Pillow and the file system have no narrower common class
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        print(f"cardiax: warning: {plot}: not drawn ({why}); the results are not affected", file=sys.stderr)


@functools.cache
def _warn_of_characters(lost: str) -> None:
    """Say once which characters of a plot no font has."""
    if lost:
        print(
            f"cardiax: warning: plots: found {lost}, which no installed font has, and wrote their numbers, e.g. "
            f"U+{ord(lost[0]):04X}; install a font that has them, e.g. Noto Sans CJK",
            file=sys.stderr,
        )


def write_gif(file: io.BytesIO, frames: np.ndarray) -> None:
    """Write frames uint8 (n, height, width, 3) as an endless GIF at 12.5 frames per second, in the same 256 colours."""
    from PIL import Image  # takes a second to import, needed for one plot

    some = frames[:: -(-len(frames) // 10), ::2, ::2]  # a palette for all frames, so that nothing flickers
    palette = Image.fromarray(some.reshape(-1, *some.shape[2:])).quantize(256, Image.Quantize.MAXCOVERAGE)
    first, *rest = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(file, format="GIF", save_all=True, append_images=rest, duration=80, loop=0)
