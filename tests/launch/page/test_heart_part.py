"""The data of the page's heart: values at the sites, and none where a site has none."""

import json

import numpy as np
import pytest

from cardiax.ecg.leads import SITE_NAMES, WALLS
from cardiax.launch.page.document import as_json
from cardiax.launch.page.heart_part import HeartCase, heart_part
from cardiax.launch.predictors.heart import Prediction

TIMES = np.linspace(10, 84, 75)
LEADS = np.outer(np.sin(np.arange(500) / 40), np.arange(12))


def predicted(times, beat_times=TIMES[None], voltage=None, **more):
    return Prediction(LEADS, times, voltage, (), (), np.zeros(len(beat_times)), beat_times, **more)


@pytest.fixture(scope="module")
def part():
    missing = np.where(np.arange(75) == SITE_NAMES.index("EPI_AHA05"), np.nan, TIMES)
    voltage = np.where(np.arange(500)[:, None] > TIMES, 20.0, -85.0)
    known = HeartCase("known", predicted(TIMES, voltage=voltage), TIMES - 3, voltage)
    half_width = np.where(np.arange(75) == 3, np.inf, 4.0)
    beats = np.stack([TIMES, TIMES + 1])
    mine = predicted(missing, beats, lead_in=15, half_width=half_width)
    return heart_part("Hearts", [known, HeartCase("<mine>", mine)], "beats", ["warning: noise"])


def test_layers_are_those_that_are_known(part, decoded):
    known, mine = part["cases"]
    assert set(known["times"]) == {"prediction", "true", "error"}
    assert set(known["voltage"]) == {"prediction", "true"}
    assert set(mine["times"]) == {"prediction", "spread"}
    assert mine["voltage"] == {}
    np.testing.assert_allclose(decoded(known["times"]["error"]["sites"]), 3, atol=0.01)
    assert decoded(known["leads"]).shape == (12, 500)
    np.testing.assert_allclose(decoded(mine["beats"])[:, 1], TIMES + 1, atol=0.06)
    assert known["half_width"] is None
    np.testing.assert_allclose(decoded(mine["half_width"])[:5], [4, 4, 4, np.nan, 4])


def test_the_surface_has_the_values_of_its_sites(part, decoded):
    points = decoded(part["points"]).T
    surface = decoded(part["cases"][0]["times"]["prediction"]["surface"])
    assert len(points) == len(surface)
    weights = decoded(part["weights"])
    for index, site in enumerate(part["sites"]):
        apart = np.linalg.norm(points - site["at"], axis=1)
        if apart.min() < 0.02:
            assert surface[apart.argmin()] == pytest.approx(TIMES[index], abs=0.1), site["name"]
            assert weights[apart.argmin(), index] == pytest.approx(1, abs=1e-3)
    assert sum("EPI" in site["name"] for site in part["sites"]) == 20


def test_where_a_site_does_not_activate_there_is_no_colour(part, decoded):
    points = decoded(part["points"]).T
    surface = decoded(part["cases"][1]["times"]["prediction"]["surface"])
    (gone,) = [site for site in part["sites"] if site["name"] == "EPI_AHA05"]
    assert np.isnan(surface[np.linalg.norm(points - gone["at"], axis=1).argmin()])
    assert 0 < np.isnan(surface).sum() < len(surface) / 10
    assert np.isnan(decoded(part["cases"][1]["times"]["prediction"]["sites"])).sum() == 1


def test_every_place_of_the_flat_map_has_one_site(part):
    """AHA's 17 segments in three layers, and eight sites of the right free wall in three."""
    places = [(site["layer"], site["segment"], site["right"]) for site in part["sites"]]
    assert len(set(places)) == 75
    for layers in (("endocardium",), ("mid-wall",), ("epicardium", "right side of the septum")):
        segments = [segment for layer, segment, _ in places if layer in layers and segment]
        assert sorted(segments) == list(range(1, 18))
        assert sorted(right for layer, _, right in places if layer in layers and right) == [1, 2, 3, 6, 7, 8, 11, 12]


def test_the_influence_on_each_wall_is_relative_to_its_greatest(decoded):
    influence = np.zeros((len(WALLS), 500, 12))
    influence[1, 100:110, 3] = -0.5
    influence[1, 300:310, 3] = 0.25
    found = heart_part("Why", [HeartCase("a", predicted(TIMES, influence=influence))], "beats")
    rows = decoded(found["cases"][0]["influence"]).reshape(len(WALLS), 12, 500)
    assert rows[1, 3, 105] == -1
    assert rows[1, 3, 305] == 0.5
    assert np.abs(rows).sum(axis=(1, 2)).astype(bool).tolist() == [wall == 1 for wall in range(len(WALLS))]
    for index, site in enumerate(found["sites"]):
        assert index in WALLS[found["walls"][site["wall"]]]


def test_it_is_json(part):
    assert json.loads(as_json(part))["cases"][1]["name"] == "<mine>"


def test_no_site_activates(decoded):
    part = heart_part("None", [HeartCase("none", predicted(np.full(75, np.nan)))], "beats")
    assert np.isnan(decoded(part["cases"][0]["times"]["prediction"]["surface"])).all()
