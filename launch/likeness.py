"""Compare the simulated hearts with the UCSD/LLNL dataset: leads, voltages of the sites and activation times.

Only marginal statistics are compared: a heart may match them all and still have a wrong T wave.

Examples:

  cardiax likeness
  cardiax likeness --beats 10
  cardiax likeness --fit
"""

import argparse

import numpy as np


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the number of beats and the flag --fit."""
    parser.add_argument("--beats", type=int, default=40, metavar="N", help="beats for each of the 16 volunteers (40)")
    parser.add_argument(
        "--fit", action="store_true", help="fit the heart's pose and the electrodes to the leads, and print them"
    )


def run(options: argparse.Namespace) -> None:
    """Simulate the beats, compare their statistics and print the table."""
    from cardiax.datasets.simulated_intracardiac.simulated_intracardiac_dataset_builder import simulate
    from cardiax.simulate.dataset_statistics import likeness

    if options.fit:
        fit()
        return
    recordings = list(simulate(options.beats))
    found = likeness(np.stack([one[1] for one in recordings]), np.stack([one[2] for one in recordings]))
    print(table(found, len(recordings)))


def table(found: dict[str, np.ndarray], beats: int) -> str:
    """Format the statistics of `cardiax.simulate.dataset_statistics.likeness` as text, each with its target."""
    from cardiax.ecg.leads import LEADS
    from cardiax.simulate.dataset_statistics import LEAD_MEAN, LEAD_RANGE, LEAD_SPREAD

    lines = [f"{beats} simulated beats compared with the UCSD/LLNL dataset's published statistics", ""]
    lines.append(
        f"{'lead':<5}{'spread':>8}{'theirs':>8}{'ratio':>7}   {'mean':>7}{'theirs':>8}   {'range':>7}{'theirs':>8}"
    )
    for i, lead in enumerate(LEADS):
        lines.append(
            f"{lead:<5}{found['lead_spread'][i]:8.3f}{LEAD_SPREAD[i]:8.3f}{found['lead_ratio'][i]:7.2f}   "
            f"{found['lead_mean'][i]:7.3f}{LEAD_MEAN[i]:8.3f}   {found['lead_range'][i]:7.2f}{LEAD_RANGE[i]:8.2f}"
        )
    ratio = np.maximum(found["lead_ratio"], 1 / found["lead_ratio"])
    mean_error, constant = np.abs(found["site_mean_error"]), np.abs(found["constant_error"])
    spread_error = np.abs(found["site_spread_error"])
    low, high, mean, spread = found["activation"]
    lines += [
        "",
        f"spread of the leads: within a factor {ratio.max():.2f} (expected 1.25)",
        f"mean voltage of the 75 sites: mean absolute error {mean_error.mean():.2f} mV (expected 1.5), "
        f"{np.count_nonzero(mean_error <= 5)} sites within 5 mV (expected 73)",
        f"  one constant for all sites: {constant.mean():.2f} mV, {np.count_nonzero(constant <= 5)} sites",
        f"spread of the sites' voltage: within {spread_error.max():.2f} mV (expected 2.5)",
        f"activation times: {low:.0f} … {high:.0f} ms (expected 0 … 185), mean {mean:.1f}, "
        f"standard deviation {spread:.1f} ms (expected 28 … 33)",
    ]
    return "\n".join(lines)


def fit(volunteers: tuple[int, ...] = (1, 3, 5, 7, 9, 11, 13, 15), beats: int = 30) -> None:
    """Fit the heart's pose, the electrodes' distances and the gain to the spread of the leads, and print them.

    Least squares of the squared logarithm of each lead's ratio, which weights the worst lead most.
    """
    import jax.numpy as jnp
    from scipy.optimize import least_squares

    from cardiax.ecg.leads import twelve_leads
    from cardiax.simulate.dataset_statistics import LEAD_SPREAD
    from cardiax.simulate.heart_geometry import build_heart
    from cardiax.simulate.heart_recording import GAIN, planned_beat, prepare_heart, tissue_voltage
    from cardiax.simulate.lead_field import lead_field
    from cardiax.simulate.patterns import plan
    from cardiax.simulate.volunteers import ELECTRODE_DISTANCES, POSE, volunteer

    hearts = []
    for number in volunteers:
        person = volunteer(number)
        heart, prepared = build_heart(person.shape), prepare_heart(person)
        voltages = [tissue_voltage(prepared, planned_beat(plan(number, beat)))[0][:, ::4] for beat in range(beats)]
        hearts.append((number, heart, np.asarray(jnp.concatenate(voltages, axis=1))))

    def unpack(unknown: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        # No lead depends on RL.
        return np.exp(unknown[3]), np.exp(np.insert(unknown[4:], 3, 0.0)), np.degrees(unknown[:3])

    def ratios(unknown: np.ndarray) -> np.ndarray:
        gain, distances, pose = unpack(unknown)
        leads = []
        for number, heart, voltage in hearts:
            person = volunteer(number, distances, pose)
            points = heart.points @ person.rotation.T + person.offset
            field = gain * lead_field(points, heart.tetrahedra, person.electrodes)
            leads.append(twelve_leads((field @ voltage).T))
        return np.concatenate(leads).std(axis=0) / np.asarray(LEAD_SPREAD)

    start = np.concatenate([np.radians(POSE), [np.log(GAIN)], np.log(np.delete(ELECTRODE_DISTANCES, 3))])
    found = least_squares(lambda unknown: np.log(ratios(unknown)) ** 2, start, max_nfev=20).x
    gain, distances, pose = unpack(found)
    print(f"gain {gain:.2f}")
    print(f"pose {', '.join(f'{angle:.0f}' for angle in pose)} degrees")
    print(f"electrode distances {', '.join(f'{factor:.2f}' for factor in distances)}")
    print(f"lead spreads relative to the dataset's {', '.join(f'{ratio:.2f}' for ratio in ratios(found))}")
