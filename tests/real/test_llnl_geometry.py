"""The real heart: its recording sites, and activation on its mesh against an exact solver."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cardiax.ecg.leads import SITE_NAMES
from cardiax.launch.formats.heart_mesh import read_heart
from cardiax.simulate.eikonal import SPEEDS, metric, travel_times


@pytest.fixture(scope="module")
def heart(real_data):
    return read_heart(real_data / "llnl_geometry" / "heart_mesh.vtk", real_data / "llnl_geometry" / "points.csv")


def test_site_names_are_those_of_the_real_table(real_data):
    lines = (real_data / "llnl_geometry" / "points.csv").read_text().splitlines()[1:]
    assert tuple(line.split(",")[3].strip("'") for line in lines if line.strip()) == SITE_NAMES


def test_its_walls_are_found(heart):
    assert heart.tetrahedra.shape == (26854, 4)
    for name, index in zip(SITE_NAMES, heart.sites, strict=True):
        kind = 1 if name.startswith("AHA") else 2 if name.startswith("RV") else 0
        if not name.startswith(("MID_", "SEPTM_")):
            assert heart.endocardium[index] == kind, name
    points = heart.points[heart.sites]
    assert points[SITE_NAMES.index("AHA01"), 1] > 10 > -10 > points[SITE_NAMES.index("AHA04"), 1]  # anterior, inferior
    assert points[SITE_NAMES.index("RV07"), 0] < points[SITE_NAMES.index("AHA12"), 0]
    assert 0.2 < heart.right.mean() < 0.45


@pytest.mark.parametrize("site", [0, *(pytest.param(site, marks=pytest.mark.slow) for site in (40,))])
def test_activation_is_within_3_percent_of_an_exact_solver(heart, site):
    from fimpy.solver import create_fim_solver

    source = heart.sites[site]
    tensors = np.linalg.inv(metric(heart, SPEEDS))
    solver = create_fim_solver(heart.points, heart.tetrahedra, tensors, precision=np.float64, device="cpu")
    solver.convergence_eps = 0.05  # its default never ends on a mesh in mm
    with threadpool_limits(1):  # its small products take minutes on several threads of BLAS
        expected = solver.comp_fim(np.array([source]), np.array([0.0]))
    found = travel_times(heart, heart.sites[[site]])[0]
    far = expected > 5  # within an element of the source a relative error says nothing
    assert np.mean(np.abs(found - expected)[far] / expected[far]) < 0.03
