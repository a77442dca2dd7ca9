"""Search for manually downloaded files in folders and nested archives.

Archives are recognised by their first bytes, not by their names. Only needed members are unpacked, one at a time and to
a path chosen here, so that an archive cannot choose where anything is written.
"""

import bz2
import contextlib
import gzip
import hashlib
import inspect
import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from cardiax.durability import temporary_folder
from cardiax.errors import FAILING, InputError, naming, raise_of_disk
from cardiax.file_checks import ARCHIVES, BZIP2, GZIP, HEAD, STAND_INS, TAR, XZ, ZIP, Room, kind

OTHER = "a file of another name"
"""Reason to leave out a file that has no other fault."""

DEPTH = 4
"""Largest nesting depth of archives."""

_OPENERS: dict[str, Callable[[Path, str], Any]] = {GZIP: gzip.open, BZIP2: bz2.open, XZ: lzma.open, TAR: open}
_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")


class MissingFileError(InputError):
    """Raised if a file is in none of the places searched."""


@dataclass(frozen=True)
class File:
    """A file that was found.

    Attributes:
      path: path of its content, possibly unpacked.
      shown: path shown to the user, e.g. `FOLDER/archive.zip:archive/name.csv`.
    """

    path: Path
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def name(self) -> str:
        """The file name, without the ` (1)` of a browser's second download."""
        return _usual(self.shown)

    def kind(self) -> str | None:
        """Return the kind of the file by its first bytes, see `cardiax.file_checks.kind`."""
        with naming(self.path), self.path.open("rb") as stream:
            return kind(stream.read(HEAD))


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why; `damaged` is an unreadable archive, which may hold an expected file."""

    shown: str
    reason: str
    damaged: bool = False


@dataclass
class Found:
    """A search, see `find`, and its result: the expected files, those outside archives first, and all others."""

    expected: Callable[[str], bool]
    scratch: Path
    files: list[File] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def pick(self, name: str, advice: str) -> File | None:
        """Return the file of a given name, case-insensitive, or None; `advice` tells how to get it.

        A stand-in for the file, e.g. an HTML page, is ignored if the file itself is found too. A stand-in alone, or
        several files of that name that differ, are an `InputError`.
        """
        same = [file for file in self.files if file.name.lower() == name.lower()]
        sound = [file for file in same if file.kind() not in STAND_INS]
        if same and not sound:
            raise InputError(f"{same[0]}: found {same[0].kind()}, expected {name} itself; {advice}")
        for other in sound[1:]:
            if _digest(other.path) != _digest(sound[0].path):
                raise InputError(
                    f"{name}: found two files that differ, {sound[0]} and {other}, expected one; "
                    "give --manual-dir the folder or the archive of the one to read"
                )
        return sound[0] if sound else None

    def raise_damaged(self) -> None:
        """Raise `InputError` for the first archive that cannot be read completely."""
        for one in self.left_out:
            if one.damaged:
                raise InputError(
                    f"{one.shown}: found an archive that cannot be read ({one.reason}), expected a complete .zip or "
                    ".tar.gz; fetch it again or unpack it"
                )


def find(roots: Iterable[Path], expected: Callable[[str], bool], scratch: Path) -> Found:
    """Find the expected files, by a predicate of a file name in lower case, below `roots`: folders, archives or files.

    Hidden files and macOS's `__MACOSX` are ignored. Members of archives are unpacked in `scratch`.
    """
    found = Found(expected, scratch)
    for root in roots:
        for path in _below(root, found):
            _take(found, path, str(path), 0, Room(_size(path)))
    found.files.sort(key=lambda file: (file.path.is_relative_to(scratch), file.shown.count("/"), file.shown))
    return found


def _below(root: Path, found: Found) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        found.left_out += [LeftOut(os.path.join(folder, name), "a folder") for name in folders if found.expected(name)]
        yield from (Path(folder, name) for name in sorted(names) if not _hidden(name))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _usual(shown: str) -> str:
    return re.sub(r" ?\(\d+\)(?=\.[^.]|$)", "", re.split(r"[/:]", shown)[-1])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _take(found: Found, path: Path, shown: str, depth: int, room: Room) -> None:
    file = File(path, shown)
    try:
        what = file.kind()
    except OSError as error:
        if error.errno in FAILING:  # a dataset without this file would look complete
            raise
        nowhere = path.is_symlink() and not path.exists()
        found.left_out.append(LeftOut(shown, "a broken link" if nowhere else f"a file that cannot be read ({error})"))
        return
    if what in ARCHIVES and depth < DEPTH:
        _unpack(found, file, what, depth, room)
    elif found.expected(file.name.lower()):
        found.files.append(file)
    elif shown.lower().endswith(_SUFFIXES):
        reason = f"{what or 'no archive'}{', nested too deeply' if what in ARCHIVES else ''}"
        found.left_out.append(LeftOut(shown, reason, damaged=True))
    else:
        found.left_out.append(LeftOut(shown, what or OTHER))


def _unpack(found: Found, archive: File, what: str, depth: int, room: Room) -> None:
    try:
        for member, opened in _members(archive, what):
            parts = PurePosixPath(member.replace("\\", "/")).parts
            shown, name = f"{archive}:{member}", parts[-1] if parts else ""
            if any(_hidden(part) and part not in (".", "..") for part in parts):
                continue
            if not parts or ".." in parts or member.startswith("/"):
                found.left_out.append(LeftOut(shown, "a path that leads out of the archive"))
            elif not found.expected(_usual(name).lower()) and not name.lower().endswith(_SUFFIXES):
                found.left_out.append(LeftOut(shown, OTHER))
            elif opened is None:
                found.left_out.append(
                    LeftOut(shown, "a link, device or sparse file within an archive, which is not read")
                )
            else:
                target = Path(tempfile.mkdtemp(dir=found.scratch)) / "member"
                try:
                    with room.stream(opened()) as stream, target.open("wb") as copy:
                        shutil.copyfileobj(stream, copy, 1 << 20)
                except BaseException:
                    shutil.rmtree(target.parent, ignore_errors=True)
                    raise
                _take(found, target, shown, depth + 1, room)
                if not any(file.path == target for file in found.files[-1:]):
                    shutil.rmtree(target.parent)
    except Exception as error:  # zipfile and tarfile may raise anything
        raise_of_disk(error, archive.path)
        found.files[:] = [file for file in found.files if not file.shown.startswith(f"{archive}:")]
        found.left_out.append(LeftOut(archive.shown, str(error) or type(error).__name__, damaged=True))


def _members(archive: File, what: str) -> Iterator[tuple[str, Callable[[], Any] | None]]:
    """Yield the name of each member and a function that opens it, or None for a link, a device or a sparse file,
    which may hold gigabytes of zeros."""
    if what == ZIP:
        with zipfile.ZipFile(archive.path) as members:
            for info in members.infolist():
                if not info.is_dir():
                    yield info.filename, lambda info=info: members.open(info)
        return
    opener = _OPENERS[what]
    with Room(_size(archive.path)).stream(opener(archive.path, "rb")) as stream:
        if kind(stream.read(HEAD)) == TAR:
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:") as members:
                for member in members:
                    if not member.isdir():
                        is_plain = member.isreg() and not member.issparse()
                        yield member.name, (lambda member=member: members.extractfile(member)) if is_plain else None
            while stream.read(1 << 20):  # only the checksum at the end detects damage within a tar
                pass
            return
    yield re.sub(r"\.(gz|bz2|xz)$", "", archive.name, flags=re.IGNORECASE), lambda: opener(archive.path, "rb")


def _digest(path: Path) -> bytes:
    with naming(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


class ArrayRecords(tfds.core.DatasetBuilder):
    """A base class of builders that write array_record, and have README.md and the like beside their module."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012 (TFDS's own way)
    builder_config: Any  # TFDS declares it, and `info.metadata`, as optional, although a builder that names one has it

    @property
    def sources(self) -> Any:
        """The metadata of the sources, `info.metadata`, e.g. `counts` and `notes`."""
        return self.info.metadata

    def __init_subclass__(cls, **kwargs):
        """Tell TFDS the folder of the module; it would look for its name below site-packages."""
        cls.pkg_dir_path = epath.Path(inspect.getfile(cls)).parent
        super().__init_subclass__(**kwargs)

    def __init__(self, *, file_format: str | None = None, **kwargs):
        """As TFDS's, but array_record unless told otherwise: TFDS's own default, tfrecord, needs TensorFlow."""
        super().__init__(file_format=file_format or "array_record", **kwargs)  # pyright: ignore[reportCallIssue]


class FromFiles(ArrayRecords):
    """A base class of builders that read manually downloaded files and unpack them in a temporary folder.

    `info.metadata["source"]` holds the folder or archive of the files.
    """

    _scratch: Path
    _given: Path | None

    def _download_and_prepare(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig | None = None,
    ) -> None:
        given = download_config.manual_dir if download_config else None
        self._given = Path(given).expanduser() if given else None
        # In the folder that TFDS renames at the end, so that the files of a killed run are removed with it.
        with temporary_folder("unpacked.", Path(self.data_path)) as self._scratch:
            super()._download_and_prepare(dl_manager, download_config)  # pyright: ignore[reportAbstractUsage]

    def _find(
        self, dl_manager: tfds.download.DownloadManager, expected: Callable[[str], bool], download: Callable[[], Any]
    ) -> tuple[Path, Found]:
        """Find the expected files, see `find`, in `--manual-dir`, else in TFDS's manual folder, else in the download.

        `download` returns a folder, a list of files or None. Returned are the folder or archive that was searched, and
        what was found.
        """
        root = self._given or Path(dl_manager.download_dir) / "manual"
        found = find([root] if root.exists() else [], expected, self._scratch)
        if self._given is None and not found.files:
            fetched = download()
            if fetched is not None:
                root = fetched if isinstance(fetched, Path) else Path(dl_manager.download_dir)
                found = find([fetched] if isinstance(fetched, Path) else fetched, expected, self._scratch)
        with contextlib.suppress(OSError):
            root = root.resolve()
        self.sources["source"] = str(root)
        return root, found
