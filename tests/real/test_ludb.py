"""The onset of QRS complexes in twelve leads against the marks of LUDB's annotators."""

import numpy as np
import pytest

import cardiax
from cardiax.ecg.qrs_onset import qrs_onsets
from cardiax.launch.formats.open_recording import open_recording
from cardiax.launch.formats.twelve_lead_beat import whole_leads
from cardiax.launch.predictors.heart_beats import read_beats

wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
pytestmark = pytest.mark.slow  # 29 records

MARKED = ("i", "ii", "v1", "v5")


@pytest.fixture(scope="module")
def ludb(real_data):
    folder = real_data / "ludb"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return sorted(folder.glob("*.hea"))


def annotated(header):
    """The R peak of each beat in lead II, and the median over leads of the marks of its onset, ms."""
    marks = {}
    for lead in MARKED:
        found = wfdb.rdann(str(header.with_suffix("")), lead)
        pairs = zip(found.symbol, found.symbol[1:], found.sample, found.sample[1:], strict=False)
        marks[lead] = np.array([(2 * onset, 2 * peak) for one, two, onset, peak in pairs if one + two == "(N"])
    peaks = marks["ii"][:, 1]
    near = [[own[np.abs(own[:, 1] - peak) < 80, 0] for own in marks.values()] for peak in peaks]
    return peaks, np.array([np.median(np.concatenate(onsets)) for onsets in near])


def test_onsets_are_those_of_the_annotators(ludb):
    errors = []
    for header in ludb:
        *_, leads = whole_leads(open_recording(header))
        peaks, onsets = annotated(header)
        inside = (peaks > 250) & (peaks < len(leads) - 100)
        errors.append(qrs_onsets(leads, peaks[inside]) - onsets[inside])
    medians, deviations = (np.array([of(error) for error in errors]) for of in (np.median, np.std))
    print(f"error {np.median(medians):.1f} ms, deviation within a record {np.median(deviations):.1f} ms")
    assert len(errors) >= 29
    assert abs(np.median(medians)) < 3
    assert np.median(deviations) < 3
    assert np.mean(np.abs(np.concatenate(errors)) > 20) < 0.03


def test_every_annotated_beat_is_found(ludb):
    missed = total = 0
    for header in ludb:
        starts = read_beats(header, None, None, None, None).onsets
        _, onsets = annotated(header)
        expected = onsets[(onsets > 300) & (onsets < 9400)]
        total += len(expected)
        missed += sum(np.abs(starts - onset).min() > 60 for onset in expected)
    assert total > 200
    assert missed <= 0.01 * total


def test_the_packaged_weights_agree_over_the_beats_of_a_person(ludb):
    network = cardiax.load("activation")
    found = [network.predict(header) for header in ludb]
    spread = [np.median(one.spread) for one in found]
    lower, median, upper = np.quantile(spread, (0.25, 0.5, 0.75))
    print(f"spread over beats, median site: {median:.1f} ms (quartiles over records {lower:.1f} and {upper:.1f})")
    assert median < 3
    warned = np.mean([one.difference > network.trust.limit for one in found])
    print(f"unlike the ECGs of training: {100 * warned:.0f} % of {len(found)} records")
    assert warned < 0.2  # as of varied simulated hearts, 1 %


@pytest.mark.parametrize("name", ["activation", "transmembrane"])
def test_predictions_explain_the_leads_of_persons_only_if_trained_on_many_hearts(ludb, name):
    network = cardiax.load(name)
    shares = np.array([network.predict(header).explained.share for header in ludb])
    few = np.mean(shares < network.trust.least_share)
    print(f"{name}: {100 * np.median(shares):.0f} % explained (median); {100 * few:.0f} % of {len(shares)} warned of")
    if name == "activation":
        assert few < 0.2
        assert np.median(shares) > 0.9 * network.trust.true_share
    else:
        assert few > 0.2  # of simulated hearts 5 % are: six or more of 29 by chance have a probability of 0.003
        assert np.median(shares) < network.trust.true_share
