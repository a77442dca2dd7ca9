"""The readers of files that come from elsewhere, as commands use them."""

import gzip
import hashlib
import io
import random
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign import valid_files
from tests.campaign.archives import hostile_archive
from tests.campaign.mutations import mutated
from tests.campaign.valid_files import Files

Attempt = Callable[[Callable[[], Any]], Any]
"""A function that calls another one; it returns None if that raises a sound `InputError`, and records other faults."""


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes:
      seeds: function that returns valid inputs.
      read: reads the input in a folder as a command does, each call by way of `attempt`.
      tokens: words of the format.
      draw: makes an input; by default one file of a seed is mutated, of packed files the content.
    """

    seeds: Callable[[], list[Files]]
    read: Callable[[Path, Attempt], None]
    tokens: tuple[bytes, ...] = ()
    draw: Callable[[random.Random, list[Files]], Files] | None = None

    def input(self, draw: random.Random, seeds: list[Files]) -> Files:
        """Return an input: the files that a generator draws."""
        if self.draw is not None and draw.random() < 0.7:
            return self.draw(draw, seeds)
        files = dict(draw.choice(seeds))
        name = draw.choice(list(files))
        others = [one for seed in seeds for one in seed.values()]
        packed, content = name.endswith(".gz") and draw.random() < 0.8, files[name]
        content = mutated(draw, gzip.decompress(content) if packed else content, others, self.tokens)
        files[name] = gzip.compress(content, 1) if packed else content
        return files


def read_recording(folder: Path, attempt: Attempt) -> None:
    """Read all recordings of a folder as `cardiax predict` does, up to the network."""
    from cardiax.launch.formats.long_recording import read_leads
    from cardiax.launch.formats.open_recording import open_recording, recordings_in
    from cardiax.launch.predictors.heart_beats import read_beats

    attempt(lambda: recordings_in(folder))
    headers = [path for path in folder.iterdir() if path.suffix == ".hea" and path.stem not in ("s1", "s2")]
    for path in headers or [path for path in folder.iterdir() if path.suffix != ".dat"]:
        found = attempt(lambda path=path: open_recording(path))
        if found is None:
            continue
        rate = None if found.rate or found.times is not None else 250.0
        leads = attempt(lambda found=found, rate=rate: read_leads(found, rate))
        if leads is not None:
            attempt(lambda leads=leads: list(leads.parts(1800.0, 10.0)))
        attempt(lambda found=found, rate=rate: read_beats(found, rate, None, None, None))


def draw_array_archive(draw: random.Random, seeds: list[Files]) -> Files:
    """An .npz whose checksums are right: members are mutated before they are packed."""
    (content,) = draw.choice(seeds).values()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(list(members))
    if draw.random() < 0.2:
        members[draw.choice(("a", "../a.npy", "/a.npy", "x.npy", "\n.npy", "time_s.npy"))] = members[name]
    members[name] = mutated(draw, members[name], list(members.values()), NPY)
    return {"a.npz": valid_files.zipped(members)}


NPY = (b"\x93NUMPY", b"'descr': '<f8'", b"'|O'", b"'<U9'", b"'<M8[s]'", b"(10000000000,)", b"()", b"(0, 2)", b"(-1, 2)")
NPY += (b"(2, 0)", b"True", b"[('II', '<f8')]", b"[('a', '<f8', (3,))]", b"'>c16'", b"'|b1'", b"'<f2'", b"'<f16'")


WFDB = (b"r.dat 16 200/mV 16 0 1 2 0 II", b"212", b"516", b"8", b"310", b"~", b"~ 10", b"/2", b"x1", b":1", b"+24")
WFDB += (
    b"(0)",
    b"/mV",
    b"/uV",
    b"s3://a/b",
    b"http://localhost/x",
    b"../r.dat",
    b"/dev/zero",
    b"r.hea",
    b"#",
    b"0 0 0",
)
WFDB += (b"250/1000", b"250(5)", b" 12:00:00 01/01/2000", b"s1 60", b"NaN", b"x2147483648", b"-1")


def read_annotated(folder: Path, attempt: Attempt) -> None:
    """Read the annotations of a record as `cardiax predict --compare atr` does, and the record as `prepare` does."""
    from cardiax.datasets.storage.wfdb_beats import read_records, windows
    from cardiax.datasets.storage.wfdb_database import Database
    from cardiax.launch.formats.wfdb_annotations import read_annotations

    attempt(lambda: read_annotations(folder / "r.hea", "atr", 250.0, 60))
    database = Database(name="a", homepage="https://a", records=("r",))
    for record in attempt(lambda: list(read_records(database, folder, ["r"]))) or []:
        attempt(lambda record=record: list(windows(record)))


EDF = (b"EDF+C", b"EDF+D", b"EDF Annotations ", b"BDF Annotations ", b"0       ", b"-1      ", b"99999999", b"1E999   ")
EDF += (b"\x14\x14\0", b"+1.5\x14", b"-5      ", b"uV      ", b"nan     ", b"01.01.85", b"inf     ", b"\xffBIOSEMI")


def read_experiment(folder: Path, attempt: Attempt) -> None:
    """Read a config and look up what it names, as every command does before it reads data."""
    from cardiax.launch.run.run_folder import read_config
    from cardiax.training.lookup import look_up

    config = attempt(lambda: read_config(folder / "config.json"))
    if config is None:
        return

    attempt.plain(lambda: look_up(config))


FIELDS = (b'"model_args": {"widths": [16, 32]}', b'"model_args": "widths=(4,),blocks=1"', b'"widths": [[[]]]', b"null")
FIELDS += (
    b'"seed": 1e400',
    b'"augmentation.extra": {"a": 1e999}',
    b'"augmentation.extra": {"a": []}',
    b"true",
    b"{}",
    b"[]",
)
FIELDS += (
    b'"task": ["a"]',
    b'"imports": "a,b"',
    b'"model": null',
    b'"\\ud800"',
    b'"a\\u0000b"',
    b"NaN",
    b"-Infinity",
    b'""',
)


def read_fields(folder: Path, attempt: Attempt) -> None:
    """Parse flags of the command line."""
    from cardiax.config import Config, with_overrides
    from cardiax.models import build_model

    text = (folder / "text").read_bytes().decode("utf-8", "surrogateescape")
    config = attempt.plain(lambda: with_overrides(Config(), {"model_args": text}))
    if config is not None:
        attempt.plain(lambda: build_model(config.model, 5, None, config.model_args))
    for name in ("augmentation.extra", "seed", "optimizer.learning_rate", "dataset", "epochs", "balance"):
        attempt.plain(lambda name=name: with_overrides(Config(), {name: text}))


WORDS = (
    b"widths=",
    b"(4,)",
    b"**{}",
    b"*[]",
    b"lambda: 0",
    b"=",
    b"f(",
    b"{1:2}",
    b"'a'",
    b"b'a'",
    b"...",
    b"1j",
    b"-1",
)
WORDS += (b"__import__('os')", b"(", b")" * 9, b"[" * 99, b"set()", b"{*()}", b"1" * 5000, b"blocks=True", b"\\", b"#")
WORDS += (b"-" * 5000, b"~" * 5000, b"1+" * 5000, b"a.b=1", b"\x0c", b"None", b"1e999", b"nan")


def read_weights(folder: Path, attempt: Attempt) -> None:
    from cardiax.launch.networks.bundle_files import read_weights

    attempt(lambda: read_weights(folder, valid_files.variables()))


SAFETENSORS = (
    b'"dtype":"F64"',
    b'"BF16"',
    b'"F8_E4M3"',
    b'"shape":[]',
    b'"shape":[-1]',
    b"[0,0]",
    b"[9223372036854775807]",
)
SAFETENSORS += (
    b'"__metadata__":{"format":1}',
    b'"data_offsets":[0,96]',
    b'"data_offsets":[96,0]',
    b"\\u0000",
    b"{}",
    b" ",
)


def read_bundle(folder: Path, attempt: Attempt) -> None:
    from cardiax.launch.networks.trained import find_network

    attempt(lambda: find_network(folder))


BUNDLE = (
    b'"../config.json"',
    b'"/etc/passwd"',
    b'"weights.safetensors"',
    b'""',
    b'"."',
    b'"\\u0000"',
    b"null",
    b"[]",
    b"{}",
)
BUNDLE += (b'"format": 2', b'"format": -1', b'"bundle": []', b'"\\ud800"')


def read_beat_table(folder: Path, attempt: Attempt) -> None:
    from cardiax.datasets.kaggle_heartbeat.csv_beats import AAMI, read_beats
    from cardiax.datasets.storage.manual_files import File

    (path,) = folder.iterdir()
    attempt(lambda: list(read_beats(File(path, str(path)), AAMI, hashlib.sha256())))


def read_own_table(folder: Path, attempt: Attempt) -> None:
    """Read a table of beats of one's own as `cardiax prepare PATH` does."""
    from cardiax.datasets.own_beats.own_files import OwnFiles

    (path,) = folder.iterdir()
    files = OwnFiles(path)
    attempt(files.check)
    attempt(files.name)
    attempt(files.read)


def read_own_pairs(folder: Path, attempt: Attempt) -> None:
    """Read a table label → class or record → group."""
    from cardiax.datasets.own_beats.beat_table import plain_label
    from cardiax.datasets.own_beats.pair_table import read_pairs

    (path,) = folder.iterdir()
    attempt(lambda: read_pairs(path, "label → class", plain_label))


def read_hearts(folder: Path, attempt: Attempt) -> None:
    from cardiax.datasets.storage.manual_files import find
    from cardiax.datasets.ucsd_intracardiac.pairs import is_ours, pair, read, sound, summary

    def all_pairs() -> None:
        pairs, left_out = pair(find([folder], is_ours, folder).files)
        used = [read(one) for one in sound(pairs, left_out)]
        summary(left_out, len(used))

    attempt(all_pairs)


def read_archive(folder: Path, attempt: Attempt) -> None:
    """Search an archive as `cardiax prepare` does."""
    from cardiax.datasets.storage.manual_files import find

    names = ("mitbih_train.csv", "mitbih_test.csv")
    (archive,) = folder.iterdir()
    with tempfile.TemporaryDirectory(prefix="unpacked.", dir=folder) as scratch:
        found = attempt(lambda: find([archive], names.__contains__, Path(scratch)))
        if found is not None:
            attempt(found.raise_damaged)
            for name in names:
                attempt.plain(lambda name=name: found.pick(name, "fetch it again"))


def draw_archive(draw: random.Random, seeds: list[Files]) -> Files:
    return hostile_archive(draw, valid_files.beat_tables()[0]["mitbih_train.csv"])


def read_mesh(folder: Path, attempt: Attempt) -> None:
    from cardiax.launch.formats.heart_mesh import read_heart

    attempt(lambda: read_heart(folder / "m.vtk", folder / "s.csv"))


VTK = (b"POINTS 5 double", b"POINTS 999999999 float", b"CELLS 2 10", b"CELLS 99999999 9", b"CELL_TYPES", b"FIELD a 1\n")
VTK += (b"DATASET POLYDATA", b"DATASET STRUCTURED_POINTS\nDIMENSIONS 9 9 9", b"METADATA", b"LOOKUP_TABLE", b"BINARY")

READERS: dict[str, Reader] = {
    "text": Reader(
        valid_files.tables, read_recording, (b"time", b"time_s", b"II", b"sep=;", b"# fs = 1e400 Hz", b"12:00", b"NaN")
    ),
    "npy": Reader(valid_files.arrays, read_recording, NPY),
    "npz": Reader(valid_files.array_archives, read_recording, NPY, draw_array_archive),
    "matlab": Reader(
        valid_files.matlab, read_recording, (b"\x0f\0\0\0", b"\x0e\0\0\0", b"\x06\0\0\0", b"fs", b"\x01\0\x05\0")
    ),
    "wfdb": Reader(valid_files.wfdb_records, read_recording, WFDB),
    "annotations": Reader(
        valid_files.annotated, read_annotated, (b"\0\0", b"\0\xec", b"\0\xf0", b"\0\xfc", b"\xff\xff", b"## time")
    ),
    "edf": Reader(valid_files.edf, read_recording, EDF),
    "config": Reader(valid_files.configs, read_experiment, FIELDS),
    "flags": Reader(valid_files.model_args, read_fields, WORDS),
    "weights": Reader(valid_files.weights, read_weights, SAFETENSORS),
    "bundle": Reader(valid_files.bundles, read_bundle, BUNDLE),
    "kaggle": Reader(valid_files.beat_tables, read_beat_table, (b",", b"label", b"1e999", b"nan", b"-0")),
    "own_table": Reader(valid_files.own_tables, read_own_table, (b"label", b"group", b'"', b"1_0", b"1e39", *NPY)),
    "own_pairs": Reader(
        valid_files.own_pairs, read_own_pairs, (b"label,class", b'"', b"\t", b";", b"[[[", b"{}", b"1.0")
    ),
    "hearts": Reader(valid_files.hearts, read_hearts, NPY),
    "archives": Reader(valid_files.archived, read_archive, (b"PK\1\2", b"PK\5\6", b"ustar", b"\0" * 512), draw_archive),
    "mesh": Reader(valid_files.meshes, read_mesh, VTK),
}


def seeds_of(names: Sequence[str]) -> dict[str, list[Files]]:
    """Return the valid inputs of readers, by name."""
    return {name: READERS[name].seeds() for name in names}
