"""Statistics of the UCSD/LLNL dataset, and the comparison of recordings with them; pure functions.

The reference statistics are those in the reference code of Landajuela et al. 2022 (landajuela/cardiac_ml, MIT),
computed by its authors over the complete dataset.
"""

import numpy as np

from cardiax.ecg.leads import twelve_leads
from cardiax.ecg.voltage import activation_time

LEAD_MEAN = (0.053, 0.078, 0.025, -0.066, 0.014, 0.051, -0.010, -0.004, 0.002, 0.010, 0.029, 0.033)
LEAD_SPREAD = (0.522, 0.469, 0.374, 0.460, 0.389, 0.334, 0.371, 0.295, 0.259, 0.229, 0.190, 0.219)
LEAD_RANGE = (10.464, 9.789, 7.811, 9.761, 7.778, 6.175, 5.432, 4.702, 4.720, 4.325, 3.673, 4.459)
"""Mean, standard deviation and range of each lead over the dataset, mV."""

# fmt: off
SITE_MEAN = (
    -27.0, -26.4, -27.1, -27.1, -27.2, -27.2, -27.1, -27.4, -27.3, -27.3, -27.3, -27.3, -27.3, -27.0, -27.2,
    -27.1, -26.9, -27.3, -27.4, -26.9, -26.4, -25.5, -23.2, -23.8, -24.3, -22.7, -23.0, -24.4, -22.9, -23.5,
    -22.8, -22.3, -22.5, -22.9, -22.2, -23.3, -24.5, -21.6, -23.2, -24.4, -23.6, -22.7, -23.3, -22.6, -23.5,
    -23.2, -23.4, -24.2, -24.1, -23.0, -21.9, -23.8, -22.1, -22.6, -22.9, -21.8, -23.1, -23.7, -23.2, -24.5,
    -24.3, -24.0, -24.5, -24.5, -21.1, -23.5, -22.2, -20.1, -23.7, -25.0, -25.5, -26.1, -24.0, -18.1, -24.1,
)
SITE_SPREAD = (
    47.6, 48.1, 48.1, 48.1, 48.1, 48.1, 48.0, 48.1, 48.1, 48.0, 48.0, 48.1, 48.1, 48.1, 48.2, 48.1, 48.1, 48.1,
    47.9, 48.0, 48.2, 47.4, 47.7, 47.4, 47.3, 47.5, 47.4, 47.5, 47.4, 47.4, 47.3, 47.3, 47.1, 47.1, 47.2, 47.3,
    47.3, 47.3, 47.4, 47.4, 47.4, 47.2, 47.3, 47.3, 47.4, 47.3, 47.5, 47.6, 47.4, 47.2, 47.2, 47.1, 47.4, 47.2,
    47.1, 47.4, 47.1, 47.4, 47.6, 47.6, 47.5, 47.7, 47.6, 47.4, 47.2, 47.2, 47.0, 47.0, 47.2, 47.6, 47.8, 47.8,
    47.1, 46.8, 47.1,
)
# fmt: on
"""Mean and standard deviation of each site's voltage over the dataset, mV."""


def likeness(electrodes: np.ndarray, voltage: np.ndarray) -> dict[str, np.ndarray]:
    """Compute statistics of recordings and their differences from those of the dataset.

    Args:
      electrodes: (n, 500, 10), mV.
      voltage: (n, 500, 75), mV.

    Returns:
      `lead_mean`, `lead_spread` (standard deviation) and `lead_range` (12,), mV, and `lead_ratio` (12,), the spread
      over the dataset's; `site_mean` and `site_spread` (75,), mV, and `site_mean_error` and `site_spread_error` (75,),
      mV, their differences from the dataset's; `constant_error` (75,), mV, the mean error of the best single constant
      for all sites; `activation` (4,), ms: minimum, maximum, mean and standard deviation of the activation times.
    """
    leads = np.asarray(twelve_leads(electrodes))
    parts = np.array_split(voltage, len(voltage) // 64 + 1)
    times = np.concatenate([np.asarray(activation_time(part)) for part in parts])
    spread, site_mean = leads.std(axis=(0, 1)), voltage.mean(axis=(0, 1), dtype=np.float64)
    site_spread = np.sqrt(np.mean((voltage - site_mean.astype(np.float32)) ** 2, axis=(0, 1), dtype=np.float64))
    return {
        "lead_mean": leads.mean(axis=(0, 1)),
        "lead_spread": spread,
        "lead_range": np.ptp(leads, axis=(0, 1)),
        "lead_ratio": spread / np.asarray(LEAD_SPREAD),
        "site_mean": site_mean,
        "site_spread": site_spread,
        "site_mean_error": site_mean - np.asarray(SITE_MEAN),
        "site_spread_error": site_spread - np.asarray(SITE_SPREAD),
        "constant_error": np.median(SITE_MEAN) - np.asarray(SITE_MEAN),
        "activation": np.asarray([np.nanmin(times), np.nanmax(times), np.nanmean(times), np.nanstd(times)]),
    }
