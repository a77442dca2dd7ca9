"""Warnings of the packaged networks on recorded ECGs: right ones, and false alarms."""

import numpy as np
import pytest
from scipy.signal import resample_poly

import cardiax
from cardiax.ecg.lead_checks import broken_identity, spiked_channels, swapped_electrodes
from cardiax.ecg.leads import LEADS
from cardiax.errors import InputError
from cardiax.launch.predictors.heart_beats import read_beats
from cardiax.protocols import SVDB_VALIDATION, VALIDATION

wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
pytestmark = pytest.mark.slow  # 77 records

PACED = {"102", "104", "107", "217"}


def fibrillating(record):
    """The share of a record that is annotated as atrial fibrillation or flutter."""
    found = wfdb.rdann(str(record), "atr")
    changes = [(at, note) for at, note in zip(found.sample, found.aux_note, strict=True) if note.startswith("(")]
    ends = [at for at, _ in changes[1:]] + [650_000]
    return sum(end - at for (at, note), end in zip(changes, ends, strict=True) if note.startswith("(AF")) / 650_000


def test_fibrillation_pacing_and_pauses_are_told(real_data):
    network, told = cardiax.load("arrhythmia"), {}
    for header in sorted((real_data / "mitdb").glob("*.hea")):
        told[header.stem] = " ".join(network.predict(header).warnings)
    paced = {name for name, text in told.items() if "pacemaker" in text}
    irregular = {name for name, text in told.items() if "atrial fibrillation" in text}
    true = {name for name in told if fibrillating(real_data / "mitdb" / name) > 0.25}
    pauses = {name for name, text in told.items() if "a pause, or missed beats" in text}
    print(
        f"irregular: {sorted(irregular)}, annotated: {sorted(true)}; paced: {sorted(paced)}; pauses: {sorted(pauses)}"
    )
    assert len(told) == 48
    assert paced == PACED
    assert pauses >= {"201", "219", "232"}  # in the others with a warning, beats are missed
    assert len(pauses) <= 8
    assert len(irregular & true) >= len(true) - 1
    assert len(irregular - true) <= 1
    assert sum("do not stand out" in text for text in told.values()) <= 2


VALIDATION_RECORDS = [f"mitdb/{name}" for name in VALIDATION] + [f"svdb/{name}" for name in SVDB_VALIDATION]


@pytest.mark.figures
def test_many_uncertain_beats_tell_noise_but_neither_polarity_nor_rate(real_data):
    """The share of uncertain beats in the first ten minutes of validation records, as they are and changed."""
    network = cardiax.load("arrhythmia")
    motion = np.nan_to_num(wfdb.rdrecord(str(real_data / "nstdb" / "em")).p_signal)
    shares, names = {}, {}
    for record in VALIDATION_RECORDS:
        found = wfdb.rdrecord(str(real_data / record))
        rate, leads = found.fs, np.nan_to_num(found.p_signal[: 600 * found.fs])
        noise = resample_poly(motion, int(rate), 360)[: len(leads)]
        power = np.diff(np.quantile(leads, (0.001, 0.999), axis=0), axis=0) ** 2 / 8  # that of a sine of this range
        noisy = leads + (noise - np.median(noise, axis=0)) * np.sqrt(power / noise.var(axis=0) / 10**0.6)
        changed = {"none": (leads, rate), "motion": (noisy, rate), "polarity": (-leads, rate)}
        changed |= {f"rate {factor}": (leads, factor * rate) for factor in (0.5, 1.5, 2)}
        for change, (values, at) in changed.items():
            try:
                one = network.predict(values, sampling_rate=max(at, 100.0), leads=found.sig_name)
            except InputError:
                continue
            shares.setdefault(change, []).append(one.uncertain.mean())
            names[record, change] = one.names
        same = np.mean(names[record, "none"] == names[record, "polarity"])
        print(record, f"classes that polarity leaves: {same:.3f}")
        assert same > 0.9
    for change, values in shares.items():
        area = np.mean(np.array(values)[:, None] > np.array(shares["none"]))
        print(f"{change}: {len(values)} read, uncertain {np.round(np.sort(values), 2)}, area {area:.2f}")
        assert (area > 0.85) == (change == "motion")


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


def test_leads_as_recorded_have_no_spike_and_few_break_the_identities(real_data):
    broken, spikes, stretches = [], [], 0
    for header in sorted([*(real_data / "ludb").glob("*.hea"), *(real_data / "cpsc2018").glob("*.hea")]):
        found = wfdb.rdrecord(str(header.with_suffix("")))
        order = [[name.lower() for name in found.sig_name].index(name.lower()) for name in LEADS]
        half = int(found.fs) // 2
        for start in range(0, len(found.p_signal) - half, half):
            part, stretches = found.p_signal[start : start + half, order], stretches + 1
            spikes += spiked_channels(part, found.fs)
            broken += [one for one in [broken_identity(part)] if one]
    print(f"of {stretches} stretches of 500 ms: {len(spikes)} leads with a spike, {len(broken)} break the identities")
    assert stretches == 641
    assert not spikes
    assert len(broken) <= 25


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
