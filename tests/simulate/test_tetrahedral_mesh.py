"""A heart from a mesh: ellipsoids cut out of a grid, given away as points and tetrahedra in a turned, shifted frame."""

import dataclasses
from itertools import permutations

import numpy as np
import pytest

from cardiax.ecg.leads import SITE_NAMES
from cardiax.errors import InputError
from cardiax.simulate.eikonal import travel_times
from cardiax.simulate.heart_geometry import HeartShape, build_heart
from cardiax.simulate.tetrahedral_mesh import heart_from_mesh, reshaped

HEART = build_heart()
SITES = HEART.points[HEART.sites]
TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
TURN *= -np.sign(np.linalg.det(TURN))  # our axes are a mirror's: a scanner shows a heart the right way round
SHIFT = np.array([50.0, -20.0, 300.0])
STEP = 3.0


def inside(points, centre, radii):
    return np.sum(((points - centre) / radii) ** 2, axis=-1) < 1


def voxel_heart():
    """Points (P, 3) and tetrahedra (E, 4) of both walls, of cubes of 3 mm: the left one as in the mean heart."""
    axes = [np.arange(low, high, STEP) for low, high in ((-75, 39), (-54, 55), (-93, 1))]
    middles = np.stack(np.meshgrid(*(axis[:-1] + STEP / 2 for axis in axes), indexing="ij"), axis=-1)
    left, cavity = inside(middles, 0, (33, 33, 83)), inside(middles, 0, (23, 23, 78))
    right = inside(middles, (-15.5, 0, 0), (54, 49, 89)) & ~inside(middles, (-15.5, 0, 0), (46, 41, 81))
    corners = np.argwhere((left & ~cavity) | (right & ~left))
    shape = [len(axis) for axis in axes]
    cells = []
    for order in permutations(range(3)):
        steps = np.concatenate([np.zeros((1, 3), int), np.cumsum(np.eye(3, dtype=int)[list(order)], axis=0)])
        cells.append(np.ravel_multi_index(tuple(np.moveaxis(corners[:, None] + steps, -1, 0)), shape))
    used, cells = np.unique(np.concatenate(cells), return_inverse=True)
    points = np.stack([axis[i] for axis, i in zip(axes, np.unravel_index(used, shape), strict=True)], axis=1)
    return points, cells.reshape(-1, 4)


POINTS, TETRAHEDRA = voxel_heart()


@pytest.fixture(scope="module")
def found():
    return heart_from_mesh(POINTS @ TURN.T + SHIFT, TETRAHEDRA, SITES @ TURN.T + SHIFT)


def test_the_frame_does_not_matter(found):
    np.testing.assert_allclose(found.points[:, 2], POINTS[:, 2] - POINTS[:, 2].max(), atol=1e-6)
    # About the long axis the frames may differ by a little: ours is set by the middles of the sites.
    turn = np.linalg.lstsq(POINTS - POINTS[0], found.points - found.points[0])[0]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) > 0.99
    assert np.degrees(np.arccos(turn[0, 0])) < 10


def test_walls_are_told_apart(found):
    named = [not name.startswith(("MID_", "SEPTM_")) for name in SITE_NAMES]  # cubes of 3 mm have few points between
    np.testing.assert_array_equal(found.endocardium[found.sites][named], HEART.endocardium[HEART.sites][named])
    np.testing.assert_array_equal(found.right[found.sites], HEART.right[HEART.sites])
    moved = np.linalg.norm(POINTS[found.sites] - SITES, axis=1)
    assert np.median(moved[[not name.endswith(("RV01", "RV02", "RV03")) for name in SITE_NAMES]]) < 6
    # Depth on the lateral wall, where it is that of two ellipsoids.
    lateral = (POINTS[:, 0] > 10) & (np.abs(POINTS[:, 2] + 30) < 15)
    radius = np.hypot(POINTS[:, 0], POINTS[:, 1]) / np.sqrt((1 - (POINTS[:, 2] / 80) ** 2).clip(0.1))
    np.testing.assert_allclose(found.transmural[lateral], ((radius - 23) / 10).clip(0, 1)[lateral], atol=0.35)
    assert np.corrcoef(found.transmural[lateral], radius[lateral])[0, 1] > 0.9
    assert found.apicobasal.max() == pytest.approx(1)
    assert found.apicobasal.min() == pytest.approx(0, abs=1e-9)


def test_fibres_form_a_right_handed_helix_inside(found):
    free = (POINTS[:, 0] > 12) & (np.abs(POINTS[:, 2] + 30) < 20)
    around = np.cross([0, 0, 1], found.points) * [-1, -1, 1]  # anticlockwise from above, with no mirror
    for depth, sign in ((found.transmural < 0.1, 1), (found.transmural > 0.9, -1)):
        wall = free & depth
        rises = np.sum(found.fibres * around, axis=1)[wall] * found.fibres[wall][:, 2]
        assert (sign * rises > 0).mean() > 0.75  # of walls in steps
    np.testing.assert_allclose(np.linalg.norm(found.fibres, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(np.sum(found.fibres * found.normals, axis=1), 0, atol=1e-6)


def test_it_activates_much_as_the_built_in_heart(found):
    indices = [SITE_NAMES.index("AHA12"), SITE_NAMES.index("AHA08")]
    left = [index for index, name in enumerate(SITE_NAMES) if "AHA" in name]
    ours, theirs = (travel_times(heart, heart.sites[indices])[:, heart.sites[left]] for heart in (HEART, found))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
    assert 0.8 < theirs.mean() / ours.mean() < 1.25


def test_shapes_stretch_a_mesh():
    wide = reshaped(HEART, dataclasses.replace(HeartShape(), left_radius=1.2 * HeartShape().left_radius))
    np.testing.assert_allclose(wide.points, HEART.points * [1.2, 1.2, 1.0])
    np.testing.assert_allclose(np.linalg.norm(wide.fibres, axis=1), 1)
    np.testing.assert_allclose(np.sum(wide.fibres * wide.normals, axis=1), 0, atol=1e-9)


def test_half_a_heart_is_told():
    half = (POINTS[TETRAHEDRA][:, :, 0] > 0).all(axis=1)
    with pytest.raises(ValueError, match="surfaces other than the base, of which the sites identify"):
        heart_from_mesh(POINTS, TETRAHEDRA[half], SITES)


def test_files_are_read_and_mistakes_are_told(cardiax, tmp_path, monkeypatch):
    meshio = pytest.importorskip("meshio", reason="needs the extra cardiax[mesh]")
    from cardiax.datasets.simulated_intracardiac import simulated_intracardiac_dataset_builder as builder
    from cardiax.launch.formats.heart_mesh import read_heart

    mesh, sites = tmp_path / "heart.vtk", tmp_path / "sites.csv"
    meshio.Mesh(POINTS, [("tetra", TETRAHEDRA)]).write(mesh, file_format="vtk42", binary=False)
    lines = [f"{x},{y},{z},'{name}'" for name, (x, y, z) in zip(SITE_NAMES, SITES, strict=True)]
    sites.write_text("\n".join(["x,y,z,Name", *lines[::-1]]) + "\n")
    np.testing.assert_array_equal(read_heart(mesh, sites).sites, heart_from_mesh(POINTS, TETRAHEDRA, SITES).sites)

    given = []  # 75 fields on this mesh take half a minute
    monkeypatch.setattr(builder, "write_raw", lambda folder, heart: given.append((folder, heart)) or 2)
    command = ("prepare", "simulated_intracardiac", "--raw", tmp_path / "raw")
    assert cardiax(*command, "--mesh", mesh, "--sites", sites)[0] == 0
    assert given[0][0] == tmp_path / "raw"
    np.testing.assert_array_equal(given[0][1].points, read_heart(mesh, sites).points)
    assert "found only some of --mesh, --sites and --raw" in cardiax.mistake(*command, "--mesh", mesh)

    sites.write_text("\n".join(["x,y,z,Name", *lines[1:]]) + "\n")
    with pytest.raises(InputError, match=r"sites\.csv: found 0 sites AHA01, expected each of the 75 sites once"):
        read_heart(mesh, sites)
    sites.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"found columns a, b, expected Name and three coordinates"):
        read_heart(mesh, sites)
    sites.write_text("\n".join(["x,y,z,Name", *lines]) + "\n")
    mesh.write_text("# vtk DataFile Version 2.0\nrubbish")
    with pytest.raises(InputError, match=r"heart\.vtk: found a mesh that cannot be read"):
        read_heart(mesh, sites)
    with pytest.raises(InputError, match=r"none\.vtk: found no such file"):
        read_heart(tmp_path / "none.vtk", sites)
