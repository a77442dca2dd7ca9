"""Reading of WFDB records, including those of several segments and of MATLAB files, as on PhysioNet."""

import atexit
import contextlib
import math
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiax.errors import InputError
from cardiax.file_kinds import HEAD, STAND_INS, kind
from cardiax.launch.formats.reader import Recording

ENDINGS = (".hea", ".dat", ".mat", ".atr", ".qrs")


def open_record(path: Path) -> Recording:
    """Open a record, given by its header, its signal file or its name without an ending.

    Raises:
      InputError: a file is missing or damaged, or the package `wfdb` is not installed.
    """
    record = path.with_suffix("") if path.suffix in ENDINGS else path
    header = record.with_name(f"{record.name}.hea")
    if not header.exists():
        raise InputError(f"{path}: found no {header.name}, expected a WFDB record's header beside it")
    try:
        import wfdb
    except ImportError as error:
        raise InputError(
            f"{path}: found no package wfdb, expected it to be installed to read a WFDB record; run pip install wfdb"
        ) from error
    record = _call(path, lambda: _plainly_named(header)) or record
    found: Any = _call(path, lambda: wfdb.rdheader(str(record), rd_segments=True))
    if not found.fs or found.sig_len is None:
        raise InputError(
            f"{header}: found no sampling rate or number of samples, expected both in the first line, as in "
            f"'{header.stem} 12 500 5000'"
        )
    signals = _signals(header)
    _check_files(header)
    names = [name for name, _, _ in signals]
    counts = [name or f"channel {index + 1}" for index, (name, gain, _) in enumerate(signals) if not gain]
    if counts:
        raise InputError(
            f"{header}: found no gain of {', '.join(counts)} (uncalibrated ADC counts), expected ADC counts per mV; "
            "write them into the header as in 'name.dat 16 200/mV'"
        )

    def read(first: int, last: int, channels: Sequence[int]) -> np.ndarray:
        part: Any = _call(path, lambda: wfdb.rdrecord(str(record), sampfrom=first, sampto=last, return_res=64))
        return _call(path, lambda: np.asarray(part.p_signal[:, list(channels)], np.float64))

    return Recording(
        path=path,
        names=None if None in names else tuple(str(name) for name in names),
        units=tuple(unit for _, _, unit in signals),
        samples=int(found.sig_len),
        rate=float(found.fs),
        times=None,
        read=read,
    )


def _check_files(header: Path) -> None:
    """Raise `InputError` if a signal file is missing or its first bytes are those of another format."""
    lines = _lines(header)
    if "/" in lines[0].split()[0]:
        return
    for name in dict.fromkeys(line.split()[0] for line in lines[1:]):
        file = header.parent / name
        if not file.is_file():
            raise InputError(f"{header}: found no {name} beside it, expected its signal file")
        with file.open("rb") as content:
            found = kind(content.read(HEAD))
        if found in (*STAND_INS, "a MATLAB file"):
            raise InputError(
                f"{file}: found {found}, expected the signals of {header.name} in a format of WFDB; fetch it again"
            )


def _plainly_named(header: Path) -> Path | None:
    """Copy a header, with links to its signals, to names that `wfdb` can read: in ASCII, without dots.

    Returns:
      The new record, whose folder is removed when the process ends; None if the names are such.
    """
    first, *rest = _lines(header) or ["-"]
    name, *numbers = first.split()
    files = list(dict.fromkeys(line.split()[0] for line in rest))
    if "/" in name or ("." not in name and " ".join([name, *files]).isascii()):
        return None
    folder = Path(_stack.enter_context(tempfile.TemporaryDirectory()))
    for index, file in enumerate(files):
        (folder / f"signal{index}.dat").symlink_to((header.parent / file).resolve())
        rest = [f"signal{index}.dat{line.removeprefix(file)}" if line.split()[0] == file else line for line in rest]
    (folder / "record.hea").write_text("\n".join([" ".join(["record", *numbers]), *rest, ""]), encoding="utf-8")
    return folder / "record"


_stack = contextlib.ExitStack()
atexit.register(_stack.close)


def _call(path: Path, read: Any) -> Any:
    try:
        return read()
    except Exception as error:  # the parser of wfdb may raise anything
        text = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: found a WFDB record that cannot be read ({text}), expected a complete one"
        ) from error


def _signals(header: Path) -> list[tuple[str | None, float, str]]:
    """Read the name, gain and unit of each signal from the header's bytes, since `wfdb` reads `µV` as V.

    A record of segments has them in its layout or in its first segment.
    """
    lines = _lines(header)
    first = lines[0].split() if lines else []
    if not first:
        raise InputError(f"{header}: found nothing, expected a WFDB header")
    if "/" in first[0]:
        return _signals_of_segments(header, [line.split() for line in lines[1:]])
    found = []
    for line in lines[1:]:
        fields = line.split(None, 8)
        scale, _, unit = (fields[2] if len(fields) > 2 else "").partition("/")
        number = scale.partition("(")[0]
        try:
            gain = float(number) if number else 0.0
            if not math.isfinite(gain):
                raise ValueError
        except ValueError as error:
            raise InputError(f"{header}: found the gain {number!r}, expected ADC counts per mV") from error
        found.append((fields[8].strip() if len(fields) > 8 else None, gain, unit.lower() or "mv"))
    return found


def _signals_of_segments(header: Path, lines: list[list[str]]) -> list[tuple[str | None, float, str]]:
    """Return `_signals` of the layout, or of the first segment, which all others must match without a layout."""
    segments = [header.with_name(f"{line[0]}.hea") for line in lines if line[0] != "~"]
    absent = [segment for segment in segments if not segment.is_file()]
    if absent or not segments:
        raise InputError(f"{header}: found no {absent[0].name if absent else 'segment'}, expected all of its segments")
    if lines[0][1:2] != ["0"]:
        told = [[_rate(one), *((name, unit) for name, _, unit in _signals(one))] for one in segments]
        for segment, found in zip(segments, told, strict=True):
            if found != told[0]:
                raise InputError(
                    f"{segment}: found a rate, name or unit other than in {segments[0].name}, expected none"
                )
    return _signals(segments[0])


def _rate(header: Path) -> str:
    """Return the sampling rate as written in a header's record line."""
    return ("".join(_lines(header)[:1]).split() + [""] * 3)[2].partition("/")[0]


def _lines(header: Path) -> list[str]:
    """Return the lines of a header without comments and blank lines."""
    content = header.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line for line in re.split(r"[\r\n]+", text) if line.strip() and not line.startswith("#")]
