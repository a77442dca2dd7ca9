"""Hum of the mains in an ECG: pure functions of NumPy arrays."""

import numpy as np

MAINS = (50.0, 60.0)
"""Frequencies of the mains, Hz."""

SEGMENT = 2.0
"""s, the least length in which hum is searched for, and that of the segments over which the spectrum is a median."""

NEAR, AROUND = 0.75, (2.0, 8.0)
"""Hz from the frequency of the mains, where the hum lies, and where what is no hum is measured."""

HUM = (0.01, 6.0)
"""Least amplitude, mV, and power in units of that around it, from which a lead has hum. In the leads of LUDB and of
CPSC 2018 at hand they are at most 0.0062 and 5.6, and with hum of 0.02 mV added at least 0.016 and 7.3."""

QUALITY = 60.0
"""Frequency of the notch filter over its width. With hum added to three records of LUDB at 49.9 to 50.05 Hz, 60 changed
the activation times by 0.6 to 4.7 ms (mean of a record), 30 by up to 7 ms, since it takes more of the QRS complex, and
100 by up to 10 ms, since it leaves hum that is not exactly of the frequency of the mains."""


def mains_hum(leads: np.ndarray, rate: float) -> tuple[float, float] | None:
    """Return the frequency, Hz, and the amplitude, mV, of the hum in the lead where it is strongest; None without any.

    Args:
      leads: (n, L), mV, without missing values; the recording of a heart that beats, not of noise.
      rate: sampling rate, Hz.
    """
    from scipy.signal import spectrogram

    length = round(SEGMENT * rate)
    if len(leads) < length:
        return None
    frequency, _, powers = spectrogram(leads, rate, "hann", length, length // 2, axis=0)
    power, found = np.median(powers, axis=-1), []
    for mains in MAINS:
        distance = np.abs(frequency - mains)
        if mains + AROUND[1] < rate / 2:
            peak = power[distance <= NEAR].max(axis=0)
            rest = np.median(power[(distance > AROUND[0]) & (distance < AROUND[1])], axis=0)
            # The density of a sine wave of amplitude a is a² / 2 over the noise bandwidth of a Hann window.
            amplitude = np.sqrt(2 * np.maximum(peak - rest, 0) * 1.5 / SEGMENT)
            found += [(float(one), mains) for one in amplitude[(peak > HUM[1] * rest) & (amplitude > HUM[0])]]
    return max(found)[::-1] if found else None


def without_hum(leads: np.ndarray, rate: float, mains: float) -> np.ndarray:
    """Return leads (n, L), mV, without the hum of the frequency `mains`, Hz."""
    from scipy.signal import filtfilt, iirnotch

    return filtfilt(*iirnotch(mains, QUALITY, rate), leads, axis=0)
