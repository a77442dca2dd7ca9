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

from cardiax.errors import InputError, import_extra, naming, raise_of_disk
from cardiax.file_checks import HEAD, MATLAB, STAND_INS, header_lines, kind
from cardiax.launch.formats.reader import CHANNELS, Recording

ENDINGS = (".hea", ".dat", ".mat", ".atr", ".qrs")

BYTES = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5, "310": 4 / 3, "311": 4 / 3}
"""Format of a signal file → bytes of a sample."""

FLAC = ("508", "516", "524")
"""The compressed formats."""

BLOCK = 2_000_000
"""Largest number of samples that are summed at a time."""


def open_record(path: Path) -> Recording:
    """Open a record, given by its header, its signal file or its name without an ending.

    Raises `InputError` if a file is missing or damaged, or the package `wfdb` is not installed.
    """
    record = path.with_suffix("") if path.suffix in ENDINGS else path
    header = record.with_name(f"{record.name}.hea")
    if not header.exists():
        raise InputError(f"{path}: found no {header.name}, expected a WFDB record's header beside it")
    wfdb = import_extra("wfdb", path)
    _check_files(header)
    record = _call(path, lambda: _plainly_named(header)) or record
    found: Any = _call(path, lambda: wfdb.rdheader(str(record), rd_segments=True))
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", _rate(header)) or not found.fs or not found.sig_len:
        raise InputError(
            f"{header}: found no sampling rate or number of samples in {' '.join(_lines(header)[0])[:80]!r}, expected "
            f"both, as in '{header.stem} 12 500 5000'"
        )
    signals = _signals(header)
    longer = _check_signals(header, record, found)
    names = [name for name, _, _ in signals]

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
        rate_from="its header",
        read=read,
        note="; ".join(longer),
        uncalibrated=tuple(index for index, (_, gain, _) in enumerate(signals) if not gain),
    )


def _check_files(header: Path) -> None:
    """Raise `InputError` if a segment or a signal file is missing, or its first bytes are those of another format."""
    for segment in _segments(header):
        if not _is_file(segment):
            raise InputError(f"{header}: found no {segment.name}, expected all of its segments")
        if _segments(segment):  # the format allows none; one that names itself would never end
            raise InputError(f"{header}: found segments in its segment {segment.stem}, expected signals")
        _check_files(segment)
    lines = _signal_lines(header)
    if len(lines) > CHANNELS:
        raise InputError(f"{header}: found {len(lines):,} signals, expected at most {CHANNELS:,}")
    for line in lines:
        if line.split()[0] == "~":  # in a layout
            continue
        file = header.parent / line.split()[0]
        if not _is_file(file):
            raise InputError(f"{header}: found no {file.name} beside it, expected its signal file")
        with file.open("rb") as content:
            found = kind(content.read(HEAD))
        if found in (*STAND_INS, MATLAB):
            raise InputError(
                f"{file}: found {found}, expected the signals of {header.name} in a format of WFDB; fetch it again"
            )


def _is_file(path: Path) -> bool:
    """True for a file; False for a name that no file can have, too long or with a NUL."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _segments(header: Path) -> list[Path]:
    """Return the header of each segment of a record, once; none if the record has signals of its own."""
    first, rest = _lines(header)
    names = dict.fromkeys(line.split()[0] for line in rest) if "/" in first[0] else {}
    return [header.parent / f"{name}.hea" for name in names if name != "~"]


def _signal_lines(header: Path) -> list[str]:
    """Return the lines of the signals, each a file, a format and more; none if the record has segments."""
    first, rest = _lines(header)
    return [] if "/" in first[0] else rest


def _check_signals(header: Path, record: Path, found: Any) -> list[str]:
    """Raise `InputError` if the signals contradict the length or the checksums in the header, or in one of a segment.

    `record` is what `wfdb` can read, and `found` its header. Returns notes about files that are longer than stated.
    """
    if segments := _segments(header):
        import wfdb

        copies = [segment.with_suffix("") for segment in _segments(record.with_name(f"{record.name}.hea"))]
        heads = [
            _call(one, lambda copy=copy: wfdb.rdheader(str(copy))) for one, copy in zip(segments, copies, strict=True)
        ]
        return [note for each in zip(segments, copies, heads, strict=True) for note in _check_signals(*each)]
    if not found.file_name or "~" in found.file_name:  # a layout without signals
        return []
    if len(found.file_name) != found.n_sig:
        raise InputError(f"{header}: found {len(found.file_name)} signals, expected {found.n_sig} as in its first line")
    notes = [_check_length(header, record.parent / name, found) for name in dict.fromkeys(found.file_name)]
    _check_sums(header, record, found)
    return [note for note in notes if note]


def _check_length(header: Path, file: Path, found: Any) -> str:
    """Raise `InputError` if a signal file is shorter than its header states; return a note if it is longer."""
    own = [index for index, name in enumerate(found.file_name) if name == file.name]
    form, offset, length = found.fmt[own[0]], found.byte_offset[own[0]] or 0, found.sig_len or 0
    if form not in (*BYTES, *FLAC):
        raise InputError(f"{header}: found the format {form}, expected one of {', '.join((*BYTES, *FLAC))}")
    if not _is_file(file):  # `wfdb` reads some names otherwise than they are written
        raise InputError(f"{header}: found no signal file {file.name}, expected it beside the header; fetch it again")
    frame = BYTES.get(form, 0) * sum(found.samps_per_frame[index] or 1 for index in own)
    there, needed = file.stat().st_size, offset + int(length * frame)
    if there < needed:
        raise InputError(
            f"{header}: found {there:,} bytes of signals, expected {needed:,} for its {length:,} samples; the file is "
            "incomplete, fetch it again"
        )
    if form in FLAC or there < needed + frame + 4:  # some formats fill the last bytes
        return ""
    return f"{header.name} states {length:,} samples; the others up to {int((there - offset) / frame):,} are left out"


def _check_sums(header: Path, record: Path, found: Any) -> None:
    """Raise `InputError` if the checksum of a signal is not the sum of its samples; all 0 are taken for not stated."""
    import wfdb

    if any(found.skew or ()) or not any(found.checksum or ()):  # skew moves samples out of the record
        return
    sums, step = np.zeros(len(found.checksum), int), max(BLOCK // len(found.checksum), 1)
    for first in range(0, found.sig_len or 0, step):
        block: dict[str, Any] = {"sampfrom": first, "sampto": min(first + step, found.sig_len)}
        block |= {"physical": False, "smooth_frames": False}
        part: Any = _call(header, lambda block=block: wfdb.rdrecord(str(record), **block))
        sums += [int(signal.sum()) for signal in part.e_d_signal]
    for index, (stated, own) in enumerate(zip(found.checksum, sums.tolist(), strict=True)):
        if stated is not None and (stated - own) % 65536:
            raise InputError(
                f"{header}: found other samples of signal {index + 1} than those of its checksum {stated}, expected "
                "the same; the signal file is damaged or of another record: fetch both again, or remove the checksum"
            )


def _plainly_named(header: Path) -> Path | None:
    """Copy the headers of a record and its segments, with links to the signals, to names that `wfdb` can read.

    Such names are in ASCII, those of records without dots. Returns the new record, whose folder is removed when the
    process ends; None if the names are such.
    """
    records = [header, *_segments(header)]
    heads = [_lines(one)[0] for one in records]
    names = "".join([*(one.stem for one in records), *(head[0] for head in heads)])
    files = dict.fromkeys(line.split()[0] for one in records for line in _signal_lines(one))
    if "." not in names and "".join([names, *files]).isascii():
        return None
    folder = Path(_stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    signals = {file: f"signal{index}.dat" for index, file in enumerate(files) if file != "~"}
    for file, name in signals.items():
        (folder / name).symlink_to((header.parent / file).resolve())
    stems = {one.stem: f"record{index}" for index, one in enumerate(records)}
    for one, head in zip(records, heads, strict=True):
        name, lines = stems[one.stem], [line.split(None, 1) for line in _lines(one)[1]]
        renamed = stems if "/" in head[0] else signals
        lines = [[renamed.get(first, first), *rest] for first, *rest in lines]
        lines = [[name + "".join(head[0].partition("/")[1:]), *head[1:]], *lines]
        (folder / f"{name}.hea").write_text("".join(f"{' '.join(line)}\n" for line in lines), encoding="utf-8")
    return folder / stems[header.stem]


_stack = contextlib.ExitStack()
atexit.register(_stack.close)


def _call(path: Path, read: Any) -> Any:
    try:
        with naming(path), np.errstate(all="ignore"):  # a tiny gain overflows to what `in_millivolts` takes for missing
            return read()
    except Exception as error:  # the parser of wfdb may raise anything
        raise_of_disk(error, path)
        raise InputError(
            f"{path}: found a WFDB record that cannot be read, expected a header and signals as in PhysioNet's "
            "header(5) and signal(5); fetch it again"
        ) from error


def _signals(header: Path) -> list[tuple[str | None, float, str]]:
    """Read the name, gain and unit of each signal from the header's bytes, since `wfdb` reads `µV` as V.

    A record of segments has them in its layout or in its first segment.
    """
    first, lines = _lines(header)
    if first == ["-"]:
        raise InputError(f"{header}: found nothing, expected a WFDB header")
    if "/" in first[0]:
        return _signals_of_segments(header, lines)
    found = []
    for line in lines:
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


def _signals_of_segments(header: Path, lines: list[str]) -> list[tuple[str | None, float, str]]:
    """Return `_signals` of the layout, or of the first segment, which all others must match without a layout."""
    segments = _segments(header)
    if not segments:
        raise InputError(f"{header}: found no segment, expected all of its segments")
    if lines[0].split()[1:2] != ["0"]:
        told = [[_rate(one), *((name, unit) for name, _, unit in _signals(one))] for one in segments]
        for segment, found in zip(segments, told, strict=True):
            if found != told[0]:
                raise InputError(
                    f"{segment}: found a rate, name or unit other than in {segments[0].name}, expected none"
                )
    return _signals(segments[0])


def _rate(header: Path) -> str:
    """Return the sampling rate as written in a header's record line."""
    return [*_lines(header)[0], "", ""][2].partition("/")[0]


def _lines(header: Path) -> tuple[list[str], list[str]]:
    """Return the words of a header's record line, and its other lines without comments and blank lines."""
    lines = header_lines(header.read_bytes())
    return lines[0].split() if lines else ["-"], lines[1:]
