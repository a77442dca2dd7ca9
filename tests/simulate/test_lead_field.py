"""The lead field: against a dipole worked by hand, and what must not show at all."""

import numpy as np

from cardiax.simulate.heart_geometry import build_heart
from cardiax.simulate.lead_field import ELECTRODE_POSITIONS, lead_field


def test_one_tetrahedron_is_a_dipole():
    # A corner of a cube of 1 mm around the origin; V_m = 2 x mV makes the dipole -σ · 2 mV/mm · 1/6 mm³ along x at its
    # centroid. At 100 mm along x that is -1/3 / (4π · 100²) of the ratio of conductivities, at right angles nothing.
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) - 0.25
    electrodes = np.zeros((10, 3))
    electrodes[:3] = [[100, 0, 0], [0, 100, 0], [-100, 0, 0]]
    electrodes[3:] = [[200.0, 0, 0]] * 7
    potential = lead_field(points, np.array([[0, 1, 2, 3]]), electrodes) @ (2 * points[:, 0])
    expected = -(2 / 6) / (4 * np.pi * 100**2)
    np.testing.assert_allclose(potential[[0, 2]], [expected, -expected], rtol=1e-12)
    assert abs(potential[1]) < 1e-12 * abs(expected)
    np.testing.assert_allclose(potential[3], expected / 4, rtol=1e-12)


def test_equal_voltage_everywhere_makes_no_potential():
    heart = build_heart()
    matrix = lead_field(heart.points, heart.tetrahedra, ELECTRODE_POSITIONS)
    np.testing.assert_allclose(matrix @ np.full(len(heart.points), 30.0), 0, atol=1e-12)


def test_a_wave_towards_an_electrode_makes_it_positive():
    heart = build_heart()
    matrix = lead_field(heart.points, heart.tetrahedra, np.array([[0, 0, 200.0], [0, 0, -300.0]]))
    voltage = np.where(heart.points[:, 2] > -40, -85.0, 20.0)  # the apex is excited first: the wave runs to the base
    potential = matrix @ voltage
    assert potential[0] > 0
    assert potential[1] < 0
