"""The heart's mesh: closed, of positive volume, with the right measures and sites in their places."""

import numpy as np
import pytest

from cardiax.ecg.leads import SITE_NAMES
from cardiax.simulate.heart_geometry import HeartShape, build_heart

HEART = build_heart()


def site(name, heart=HEART):
    return heart.points[heart.sites[SITE_NAMES.index(name)]]


def volumes(heart):
    corners = heart.points[heart.tetrahedra]
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / 6


def test_every_tetrahedron_has_a_volume_and_the_wall_its_own():
    assert (volumes(HEART) > 0).all()
    # Half a prolate shell from (23, 78) to (33, 83) mm: 2/3 π (33² · 83 - 23² · 78) mm³; a mesh loses little of it.
    left = ~HEART.right[HEART.tetrahedra].any(axis=1)
    expected = 2 / 3 * np.pi * (33**2 * 83 - 23**2 * 78)
    assert volumes(HEART)[left].sum() == pytest.approx(expected, rel=0.03)


def test_the_surface_is_closed_and_turned_outward():
    edges = np.concatenate([HEART.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    # Each directed edge is met by its opposite: a surface without a rim. Grooves may be met more than once.
    there = np.unique(edges, axis=0, return_counts=True)
    back = np.unique(edges[:, ::-1], axis=0, return_counts=True)
    np.testing.assert_array_equal(there[0], back[0])
    np.testing.assert_array_equal(there[1], back[1])
    a, b, c = (HEART.points[HEART.triangles[:, i]] for i in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(volumes(HEART).sum(), rel=1e-9)


def test_fibres_turn_across_the_wall():
    np.testing.assert_allclose(np.linalg.norm(HEART.fibres, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(np.sum(HEART.fibres * HEART.normals, axis=1), 0, atol=1e-9)
    for name, angle in (("AHA11", 60), ("EPI_AHA11", -60)):
        index = HEART.sites[SITE_NAMES.index(name)]
        around = np.cross([0, 0, 1.0], HEART.points[index])
        cosine = abs(HEART.fibres[index] @ around) / np.linalg.norm(around)
        assert np.degrees(np.arccos(cosine)) == pytest.approx(abs(angle), abs=3)


def test_sites_lie_where_their_names_say():
    assert len(set(HEART.sites.tolist())) == 75
    assert site("AHA01")[1] > 20  # anterior
    assert site("AHA04")[1] < -20  # inferior
    assert site("AHA12")[0] > 10  # lateral
    assert site("AHA08")[0] < -10  # septal
    assert site("AHA17")[2] == HEART.points[HEART.endocardium == 1][:, 2].min()
    assert site("AHA01")[2] > site("AHA07")[2] > site("AHA13")[2] > site("AHA17")[2]
    assert site("RV07")[0] < site("RV10")[0] < site("SEPTM_AHA08_RV10")[0] < site("AHA08")[0]
    for name in SITE_NAMES:
        index = HEART.sites[SITE_NAMES.index(name)]
        if name.startswith("EPI_"):
            assert HEART.transmural[index] == 1
            assert HEART.endocardium[index] == 0
        elif name.startswith(("AHA", "RV")):
            assert HEART.endocardium[index] == (1 if name.startswith("AHA") else 2)
        else:
            assert 0 < HEART.transmural[index] < 1


def test_fibres_form_a_right_handed_helix_inside_and_a_left_handed_one_outside():
    # The axes are left-handed: with y turned round the heart is as in a chest.
    points, fibres = HEART.points * [1, -1, 1], HEART.fibres * [1, -1, 1]
    middle = (np.abs(points[:, 2] + 35) < 15) & (points[:, 0] > 15) & ~HEART.right
    for depth, sign in ((0, 1), (1, -1)):
        wall = middle & (HEART.transmural == depth)
        anticlockwise = np.cross([0, 0, 1], points[wall])
        rises = np.sum(fibres[wall] * anticlockwise, axis=1) * fibres[wall][:, 2]
        assert wall.sum() > 20
        assert (sign * rises > 0).all()


def test_shapes_differ_and_keep_their_points():
    wide = build_heart(HeartShape(left_radius=30, right_width=40))
    assert wide.points.shape == HEART.points.shape
    np.testing.assert_array_equal(wide.sites, HEART.sites)
    assert np.ptp(wide.points[:, 0]) > np.ptp(HEART.points[:, 0]) + 15
    assert (volumes(wide) > 0).all()
