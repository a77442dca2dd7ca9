"""The unit of a channel, as its file, its name or the user states it."""

from cardiax.ecg.lead_names import MILLIVOLTS, Channel
from cardiax.errors import InputError
from cardiax.launch.formats.reader import Recording


def unit_factor(recording: Recording, channel: Channel, index: int, name: str, given: str | None) -> float:
    """Return the value in mV of the unit of a channel, from the file or the name, or as `given`; by default 1.

    Raises:
      InputError: the unit is not one of voltage, or another one is given.
    """
    path, stated = recording.path, recording.units[index] or channel.unit
    if stated is not None and stated not in MILLIVOLTS:
        raise InputError(f"{path}: found the unit {stated!r} of {name}, expected one of V, mV, uV, nV")
    if stated and given and MILLIVOLTS[stated] != MILLIVOLTS[given]:
        raise InputError(
            f"{path}: found the unit {stated} of {name} and --unit {given}, expected one; correct the file, or leave "
            "--unit out"
        )
    return MILLIVOLTS[stated or given or "mv"]
