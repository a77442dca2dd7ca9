"""The unit of a channel, as its file, its name or the user states it."""

from cardiax.ecg.lead_names import MILLIVOLTS, Channel
from cardiax.errors import InputError
from cardiax.launch.formats.reader import Recording


def unit_factor(recording: Recording, channel: Channel, index: int, name: str, given: str | None) -> float:
    """Return the value in mV of the unit of a channel, from the file or the name, or as `given`; by default 1.

    Raises:
      InputError: the unit is not one of voltage, or another one is given.
    """
    told = [unit for unit in (recording.units[index], channel.unit, given) if unit]
    for unit in told:
        if unit not in MILLIVOLTS:
            raise InputError(f"{recording.path}: found the unit {unit!r} of {name}, expected one of V, mV, uV, nV")
    if len({MILLIVOLTS[unit] for unit in told}) > 1:
        last = f"--unit {given}" if given and MILLIVOLTS[given] != MILLIVOLTS[told[0]] else f"{told[1]} in its name"
        raise InputError(
            f"{recording.path}: found the unit {told[0]} of {name} and {last}, expected one; correct the file, or what "
            "you state"
        )
    return MILLIVOLTS[told[0] if told else "mv"]
