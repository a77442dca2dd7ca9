"""The difference from the nearest known case: by hand, against scikit-learn, and of strange cases."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from cardiax.stats.novelty import nearest_difference


def test_by_hand():
    known = np.array([[0.0, 10, 20, 30], [0, 0, 0, 8]])
    # Differences 1, -1, 1, -1 and, of the second case, a delay of 7 ms.
    found = nearest_difference(np.array([[1.0, 9, 21, 29], [7, 17, 27, 37], [0, 0, 0, 0]]), known)
    np.testing.assert_allclose(found, [1, 0, np.sqrt(64 / 4 - 4)])


def test_it_is_the_nearest_neighbour_without_the_mean(random):
    times, known = random.normal(70, 30, (40, 75)), random.normal(70, 30, (200, 75))
    centred = [one - one.mean(axis=1, keepdims=True) for one in (times, known)]
    expected = NearestNeighbors(n_neighbors=1).fit(centred[1]).kneighbors(centred[0])[0][:, 0] / np.sqrt(75)
    np.testing.assert_allclose(nearest_difference(times, known), expected)


def test_sites_that_do_not_activate_are_left_out(random):
    known = random.normal(70, 30, (20, 75))
    times = known[3] + 5
    times[[4, 70]] = np.nan
    assert nearest_difference(times[None], known)[0] == pytest.approx(0, abs=1e-6)
    assert nearest_difference(np.full((1, 75), np.nan), known)[0] == np.inf


def test_a_case_with_few_of_the_known_sites_is_like_none(random):
    """Of one site the standard deviation is 0, as if the case were like any."""
    known = random.normal(70, 30, (20, 75))
    known[:, 70:] = np.nan
    for active, expected in ((1, np.inf), (34, np.inf), (35, 0.0), (70, 0.0)):
        times = np.where(np.arange(75) < active, known[3] + 5, np.nan)
        assert nearest_difference(times[None], known)[0] == pytest.approx(expected, abs=1e-6), active
    few = np.where(np.arange(75) < 4, known, np.nan)  # known cases in which few sites activate
    assert nearest_difference(few[:1] + 5, few)[0] == pytest.approx(0, abs=1e-6)
    assert nearest_difference(np.zeros((1, 75)), np.full((2, 75), np.nan))[0] == np.inf


def test_it_tells_strange_cases_from_further_ones_of_the_same_kind(random):
    def drawn(count, sites=75):
        """Waves from a drawn site over a line of sites, ms."""
        starts, speeds = random.uniform(0, sites, (count, 1)), random.uniform(0.8, 1.2, (count, 1))
        return np.abs(np.arange(sites) - starts) / speeds + random.normal(size=(count, sites))

    known = drawn(1500)
    further = nearest_difference(drawn(200), known)
    strange = {
        "no wave": np.tile(random.uniform(0, 75, 75), (50, 1)) + random.normal(size=(50, 75)),
        "from both ends": np.minimum(np.arange(75), 74 - np.arange(75)) + random.normal(size=(50, 75)),
        "slower": 2 * drawn(50),
    }
    for name, cases in strange.items():
        scores = np.concatenate([further, nearest_difference(cases, known)])
        auc = roc_auc_score(np.arange(len(scores)) >= len(further), scores)
        assert auc > 0.95, name
