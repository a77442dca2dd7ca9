"""Reading of a heart's mesh and its recording sites from files."""

import contextlib
import csv
import io
from pathlib import Path

import numpy as np

from cardiax.ecg.leads import SITE_NAMES
from cardiax.errors import InputError, import_extra, raise_of_disk
from cardiax.simulate.heart_geometry import Heart
from cardiax.simulate.tetrahedral_mesh import heart_from_mesh

LARGEST = 1e4
"""mm, farther than any coordinate of a heart."""


def read_heart(mesh: Path, sites: Path) -> Heart:
    """Read a heart from a tetrahedral `mesh`, mm, as VTK or another format of meshio, and a table of the 75 `sites`.

    The table is CSV with a column `Name` and three columns of coordinates, mm, in the axes of the mesh. Raises
    `InputError` if a file is missing or not valid.
    """
    at = _read_sites(sites)
    meshio = import_extra("meshio", mesh)
    if not mesh.is_file():
        raise InputError(f"{mesh}: found no such file, expected a mesh of tetrahedra")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # of its errors
            found = meshio.read(mesh)
        cells = [block.data for block in found.cells if block.type == "tetra"]
        points = np.asarray(found.points, np.float64)
    except (Exception, SystemExit) as error:  # the parsers of meshio may raise anything
        raise_of_disk(error, mesh)
        raise InputError(f"{mesh}: found a mesh that cannot be read, expected a complete one") from error
    if not cells:
        raise InputError(f"{mesh}: found no tetrahedra, expected the walls of both ventricles")
    for path, coordinates in ((mesh, points), (sites, at)):
        if not (np.abs(coordinates) < LARGEST).all():  # also of NaN
            raise InputError(f"{path}: found coordinates that are not finite or beyond {LARGEST:g} mm, expected mm")
    if not all(((corners >= 0) & (corners < len(points))).all() for corners in cells):
        raise InputError(f"{mesh}: found tetrahedra of points that are not there, expected {len(points)} points")
    try:
        return heart_from_mesh(points, np.concatenate(cells), at)
    except ValueError as error:
        raise InputError(f"{mesh}: {error}") from error


def _read_sites(path: Path) -> np.ndarray:
    """Return the coordinates (75, 3), mm, of the sites in the order of `SITE_NAMES`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise InputError(f"{path}: found no table, expected a CSV file with a header") from error
    columns = [name.strip().lower() for name in header]
    if "name" not in columns or len(columns) != 4:
        raise InputError(f"{path}: found columns {', '.join(header)}, expected Name and three coordinates, mm")
    index = columns.index("name")
    try:
        names = [row[index].strip(" '") for row in rows]
        indices = np.array([[float(cell) for i, cell in enumerate(row) if i != index] for row in rows])
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: found a cell that is not a number, expected mm") from error
    absent = [name for name in SITE_NAMES if names.count(name) != 1]
    if absent or indices.shape != (len(names), 3) or not np.isfinite(indices).all():
        what = f"{names.count(absent[0])} sites {absent[0]}" if absent else "missing coordinates"
        raise InputError(
            f"{path}: found {what}, expected each of the {len(SITE_NAMES)} sites once, with x, y and z in mm"
        )
    return indices[[names.index(name) for name in SITE_NAMES]]
