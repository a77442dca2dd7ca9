"""How like the UCSD/LLNL dataset are our simulated hearts? One table: leads, voltages of the sites, activation times.

It compares marginal figures of the two, nothing more: a heart may have them all and the wrong T wave.
"""

import argparse

import numpy as np


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many beats, and whether to fit."""
    parser.add_argument("--beats", type=int, default=40, metavar="N", help="beats of each of the 16 volunteers (40)")
    parser.add_argument("--fit", action="store_true", help="fit the electrodes' distances to the leads, and print them")


def run(options: argparse.Namespace) -> None:
    """Simulate, compare, print."""
    from cardiax.datasets.simulated_intracardiac.simulated_intracardiac_dataset_builder import simulate
    from cardiax.simulate.likeness import likeness

    if options.fit:
        fit()
        return
    recordings = list(simulate(options.beats))
    found = likeness(np.stack([one[1] for one in recordings]), np.stack([one[2] for one in recordings]))
    print(table(found, len(recordings)))


def table(found: dict[str, np.ndarray], beats: int) -> str:
    """The figures of `cardiax.simulate.likeness.likeness` as text, each beside its target."""
    from cardiax.leads import LEADS
    from cardiax.simulate.likeness import LEAD_MEAN, LEAD_RANGE, LEAD_SPREAD

    lines = [f"{beats} simulated beats beside the UCSD/LLNL dataset's published figures", ""]
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
        f"spread of the leads: within a factor {ratio.max():.2f} (wanted 1.25)",
        f"mean voltage of the 75 sites: mean absolute error {mean_error.mean():.2f} mV (wanted 1.5), "
        f"{np.count_nonzero(mean_error <= 5)} sites within 5 mV (wanted 73)",
        f"  one constant for all sites: {constant.mean():.2f} mV, {np.count_nonzero(constant <= 5)} sites",
        f"spread of the sites' voltage: within {spread_error.max():.2f} mV (wanted 2.5)",
        f"activation times: {low:.0f} … {high:.0f} ms (wanted 0 … 185), mean {mean:.1f}, "
        f"standard deviation {spread:.1f} ms (wanted 28 … 33)",
    ]
    return "\n".join(lines)


def fit(volunteers: tuple[int, ...] = (1, 4, 7, 10, 13, 16), beats: int = 20) -> None:
    """Fit gain and electrode distances to the spread of the leads by least squares of logarithms; print them."""
    import jax.numpy as jnp
    from scipy.optimize import least_squares

    from cardiax.leads import twelve_leads
    from cardiax.simulate.geometry import build_heart
    from cardiax.simulate.intracardiac import planned_beat, prepare_heart, tissue_voltage
    from cardiax.simulate.lead_field import lead_field
    from cardiax.simulate.likeness import LEAD_SPREAD
    from cardiax.simulate.patterns import plan
    from cardiax.simulate.volunteers import ELECTRODE_DISTANCES, volunteer

    hearts = []
    for number in volunteers:
        person = volunteer(number)
        heart, prepared = build_heart(person.shape), prepare_heart(person)
        voltages = [tissue_voltage(prepared, planned_beat(plan(number, beat)))[0][:, ::4] for beat in range(beats)]
        points = heart.points @ person.rotation.T + person.offset
        hearts.append((number, points, heart.tetrahedra, np.asarray(jnp.concatenate(voltages, axis=1))))

    def distances(unknown: np.ndarray) -> np.ndarray:
        return np.exp(np.insert(unknown[1:], 3, 0.0))  # RL enters no lead

    def misfit(unknown: np.ndarray) -> np.ndarray:
        leads = []
        for number, points, tetrahedra, voltage in hearts:
            matrix = lead_field(points, tetrahedra, volunteer(number, distances(unknown)).electrodes)
            leads.append(twelve_leads((np.exp(unknown[0]) * matrix @ voltage).T))
        return np.log(np.concatenate(leads).std(axis=0) / np.asarray(LEAD_SPREAD))

    start = np.log(np.delete([1.0, *ELECTRODE_DISTANCES], 4))
    found = least_squares(misfit, start, max_nfev=15).x
    print(f"gain {np.exp(found[0]):.2f}")
    print(f"electrode distances {', '.join(f'{factor:.2f}' for factor in distances(found))}")
    print(f"lead spreads over theirs {', '.join(f'{ratio:.2f}' for ratio in np.exp(misfit(found)))}")
