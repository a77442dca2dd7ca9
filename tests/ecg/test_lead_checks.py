"""Swapped electrodes of drawn beats, whose leads change from one to the next as a heart's do."""

import itertools

import numpy as np
import pytest

from cardiax.ecg.lead_checks import swapped_electrodes
from cardiax.ecg.leads import ELECTRODES, twelve_leads


@pytest.fixture
def found(one_beat):
    """A function that returns what is found with the electrodes of these pairs swapped."""

    def find(*swaps):
        order = list(range(10))
        for one, other in (tuple(map(ELECTRODES.index, swap)) for swap in swaps):
            order[one], order[other] = order[other], order[one]
        return swapped_electrodes(np.asarray(twelve_leads(one_beat[:, order])))

    return find


def test_nothing_is_found_where_nothing_is_swapped(found):
    assert found() == []
    assert found(("LA", "LL")) == []  # not to be seen


def test_limbs_and_the_reverse_order(found):
    assert found(("RA", "LA")) == ["those of both arms"]
    assert found(("RA", "LL")) == ["those of the right arm and the left leg"]
    assert found(("V1", "V6"), ("V2", "V5"), ("V3", "V4")) == ["V1 to V6 in reverse order"]
    (leg,) = found(("RA", "RL"))
    assert leg == "that of the right leg and another limb (II is nearly flat)"


@pytest.mark.parametrize(("one", "other"), list(itertools.pairwise(["V1", "V2", "V3", "V4", "V5"])))
def test_neighbours_of_the_chest(found, one, other):
    assert found((one, other)) == [f"{one} and {other}"]
