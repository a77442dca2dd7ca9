"""Warnings of the packaged networks on recorded ECGs: right ones, and false alarms."""

import numpy as np
import pytest

import cardiax
from cardiax.ecg.lead_checks import swapped_electrodes
from cardiax.ecg.leads import LEADS
from cardiax.launch.predictors.heart_beats import read_beats

wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
pytestmark = pytest.mark.slow  # 77 records

PACED = {"102", "104", "107", "217"}


def fibrillating(record):
    """The share of a record that is annotated as atrial fibrillation or flutter."""
    found = wfdb.rdann(str(record), "atr")
    changes = [(at, note) for at, note in zip(found.sample, found.aux_note, strict=True) if note.startswith("(")]
    ends = [at for at, _ in changes[1:]] + [650_000]
    return sum(end - at for (at, note), end in zip(changes, ends, strict=True) if note.startswith("(AF")) / 650_000


def test_fibrillation_and_pacing_are_told(real_data):
    network, told = cardiax.load("arrhythmia"), {}
    for header in sorted((real_data / "mitdb").glob("*.hea")):
        told[header.stem] = " ".join(network.predict(header).warnings)
    paced = {name for name, text in told.items() if "pacemaker" in text}
    irregular = {name for name, text in told.items() if "atrial fibrillation" in text}
    true = {name for name in told if fibrillating(real_data / "mitdb" / name) > 0.25}
    print(f"irregular: {sorted(irregular)}, annotated: {sorted(true)}; paced: {sorted(paced)}")
    assert len(told) == 48
    assert paced == PACED
    assert len(irregular & true) >= len(true) - 1
    assert len(irregular - true) <= 1
    assert sum("do not stand out" in text for text in told.values()) <= 2


def swapped(leads, pairs):
    """Leads (T, 12) with the electrodes of these pairs swapped: limbs by their potentials, of which the mean is 0."""
    names = ["RA", "LA", "LL", *LEADS[6:]]
    values = np.concatenate([leads[:, 3:6] / 1.5, leads[:, 6:]], axis=1)
    order = list(range(9))
    for one, other in pairs:
        order[names.index(one)], order[names.index(other)] = names.index(other), names.index(one)
    values = values[:, order]
    right, left, leg = values[:, :3].T
    limb = np.stack([left - right, leg - right, leg - left, 1.5 * right, 1.5 * left, 1.5 * leg], axis=1)
    return np.concatenate([limb, values[:, 3:]], axis=1)


def test_swapped_electrodes_are_told(real_data):
    headers = sorted([*(real_data / "ludb").glob("*.hea"), *(real_data / "cpsc2018").glob("*.hea")])
    beats = [np.median(read_beats(header, None, None, None, None).leads, axis=0) for header in headers]
    assert len(beats) >= 33
    least = {
        ("both arms", (("RA", "LA"),)): 33,
        ("right arm and the left leg", (("RA", "LL"),)): 33,
        ("in reverse order", (("V1", "V6"), ("V2", "V5"), ("V3", "V4"))): 31,
        ("V1 and V2", (("V1", "V2"),)): 30,
        ("V3 and V4", (("V3", "V4"),)): 27,
        ("V4 and V5", (("V4", "V5"),)): 22,
    }
    false = sum(bool(swapped_electrodes(swapped(leads, ()))) for leads in beats)
    print(f"of {len(beats)} as recorded: {false}")
    assert false <= 1
    for (what, pairs), number in least.items():
        found = sum(what in " ".join(swapped_electrodes(swapped(leads, pairs))) for leads in beats)
        print(f"{what}: {found}")
        assert found >= number
