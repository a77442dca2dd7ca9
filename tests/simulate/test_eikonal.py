"""Travel times: against fim-python's solution on the same mesh, and straight lines."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cardiax.ecg.leads import SITE_NAMES
from cardiax.simulate.eikonal import SPEEDS, metric, travel_times
from cardiax.simulate.heart_geometry import build_heart

HEART = build_heart()


def exact(heart, source):
    """fim-python's solution (Grandits 2021): its default tolerance never ends on a mesh in mm."""
    from fimpy.fim_base import FIMBase  # noqa: F401 (without CuPy the package says so on import)
    from fimpy.solver import create_fim_solver

    tensors = np.linalg.inv(metric(heart, SPEEDS))
    solver = create_fim_solver(heart.points, heart.tetrahedra, tensors, precision=np.float64, device="cpu")
    solver.convergence_eps = 0.05
    with threadpool_limits(1):  # its small products take minutes on several threads of BLAS
        return solver.comp_fim(np.array([source]), np.array([0.0]))


@pytest.mark.parametrize("site", [0, *(pytest.param(site, marks=pytest.mark.slow) for site in (40,))])
def test_mean_error_against_an_exact_solver_is_within_3_percent(site):
    source = HEART.sites[site]
    expected, found = exact(HEART, source), travel_times(HEART, HEART.sites[[site]])[0]
    far = expected > 5  # within an element of the source a relative error says nothing
    assert np.mean(np.abs(found - expected)[far] / expected[far]) < 0.03
    assert found[source] == 0


def test_equal_speeds_make_a_distance():
    # 0.5 mm/ms in every direction: from a point of the convex epicardium, short ways lie in the wall and are straight.
    site = SITE_NAMES.index("EPI_AHA05")
    times = travel_times(HEART, HEART.sites[[site]], speeds=(0.5, 0.5, 0.5))[0]
    distance = np.linalg.norm(HEART.points - HEART.points[HEART.sites[site]], axis=1)
    near = (distance > 1) & (distance < 12)
    assert (times[near] >= distance[near] / 0.5 - 1e-9).all()
    np.testing.assert_allclose(times[near], distance[near] / 0.5, rtol=0.09)  # paths bend only at nodes
    assert times[near].mean() < 1.03 * distance[near].mean() / 0.5


def test_speeds_scale_the_times():
    source = HEART.sites[[3]]
    np.testing.assert_allclose(
        travel_times(HEART, source, tuple(2 * v for v in SPEEDS)), travel_times(HEART, source) / 2, rtol=1e-9
    )


def test_purkinje_quickens_the_endocardium():
    slow, quick = (travel_times(HEART, HEART.sites[[7]], purkinje=factor)[0] for factor in (1.0, 3.0))
    assert (quick <= slow + 1e-9).all()
    left = HEART.endocardium == 1
    assert quick[left].max() < 0.5 * slow[left].max()
