"""The readers of files that come from elsewhere, each with small valid files from which rubbish is made."""

import functools
import gzip
import hashlib
import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.campaign.archives import hostile_archive
from tests.campaign.mutations import mutated

Attempt = Callable[[Callable[[], Any]], Any]
"""A function that calls another one; it returns None if that raises a sound `InputError`, and records other faults."""

Files = dict[str, bytes]
"""Name → content of the files of one input."""


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


ECG = np.random.default_rng(0).normal(size=(60, 8)).round(3)
LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def read_recording(folder: Path, attempt: Attempt) -> None:
    """Read all recordings of a folder as `cardiax predict` does, up to the network."""
    from cardiax.launch.formats.long_recording import read_leads
    from cardiax.launch.formats.open_recording import open_recording
    from cardiax.launch.formats.recording_folder import recordings_in
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


def tables() -> list[Files]:
    rows = "\n".join(",".join(f"{value:.3f}" for value in row) for row in ECG)
    few = ECG[:12, :2]
    timed = "\n".join(f"{index * 4};{a:.3f};{b:.3f}".replace(".", ",") for index, (a, b) in enumerate(few))
    clock = "\n".join(f"2024-05-01\t12:00:00.{index * 4:03d}\t{a}" for index, (a, _) in enumerate(few))
    found = {
        "a.csv": ",".join(LEADS) + "\n" + rows,
        "b.csv": "sep=;\ntime_ms;II (mV);V1 (mV)\n" + timed + "\n",
        "c.txt": "# sampling rate: 250 Hz\n# II V1\n" + "\n".join(f"{a} {b}" for a, b in few),
        "d.tsv": "date\ttime\tII\n" + clock,
        "e.csv": '"","II","V1"\n' + "\n".join(f'"{index}",{a},{b}' for index, (a, b) in enumerate(few)),
        "f.csv": "time,II,SpO2\ns,uV,%\n"
        + "\n".join(f"{index * 0.004:.3f},{1000 * a},97" for index, (a, _) in enumerate(few)),
    }
    plain = [{name: text.encode()} for name, text in found.items()]
    return [
        *plain,
        {"c.txt.gz": gzip.compress(plain[2]["c.txt"])},
        {"g.csv": plain[1]["b.csv"].decode().encode("utf-16")},
    ]


def array_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def arrays() -> list[Files]:
    few = ECG[:20, :2]
    record = np.rec.fromarrays(list(few.T), names="II,V1")
    timed = np.rec.fromarrays([np.arange(20) * 0.004, few[:, 0].astype("f4")], names="time_s,II")
    forms = (ECG, few.astype("f4"), (1000 * few).astype(">i2"), few[:, 0], record, timed, np.asfortranarray(few))
    plain = [{f"{index}.npy": array_bytes(array)} for index, array in enumerate(forms)]
    return [*plain, {"z.npy.gz": gzip.compress(plain[1]["1.npy"])}]


def zipped(files: Files) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def array_archives() -> list[Files]:
    few = ECG[:20, :2]
    found = []
    for many in ({"ecg": few}, {"II": few[:, 0], "V1": few[:, 1]}, {"time_s": np.arange(20) / 250, "II": few[:, 0]}):
        content = io.BytesIO()
        np.savez(content, **many)
        found.append({"a.npz": content.getvalue()})
        np.savez_compressed(content := io.BytesIO(), **many)
        found.append({"b.npz": content.getvalue()})
    return found


def draw_array_archive(draw: random.Random, seeds: list[Files]) -> Files:
    """An .npz whose checksums are right: members are mutated before they are packed."""
    (content,) = draw.choice(seeds).values()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(list(members))
    if draw.random() < 0.2:
        members[draw.choice(("a", "../a.npy", "/a.npy", "x.npy", "\n.npy", "time_s.npy"))] = members[name]
    members[name] = mutated(draw, members[name], list(members.values()), NPY)
    return {"a.npz": zipped(members)}


NPY = (b"\x93NUMPY", b"'descr': '<f8'", b"'|O'", b"'<U9'", b"'<M8[s]'", b"(10000000000,)", b"()", b"(0, 2)", b"(-1, 2)")
NPY += (b"(2, 0)", b"True", b"[('II', '<f8')]", b"[('a', '<f8', (3,))]", b"'>c16'", b"'|b1'", b"'<f2'", b"'<f16'")


def matlab() -> list[Files]:
    import scipy.io

    found = []
    for form, compressed in (("5", False), ("5", True), ("4", False)):
        for many in ({"val": ECG[:20, :2].T, "fs": 250.0}, {"II": ECG[:20, :1], "V1": ECG[:20, 1:2]}):
            scipy.io.savemat(content := io.BytesIO(), many, format=form, do_compression=compressed)
            found.append({"a.mat": content.getvalue()})
    nested: Any = {"a": {"x": ECG[:9]}, "c": np.array([ECG[:9], "x"], dtype=object), "val": ECG[:9, :2], "t": "text"}
    scipy.io.savemat(content := io.BytesIO(), nested)
    return [*found, {"a.mat": content.getvalue()}]


def wfdb_records() -> list[Files]:
    import wfdb

    found = []
    digital = np.rint(200 * ECG[:, :2]).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        for form in ("16", "80", "24", "32", "516"):
            scaled = digital // (8 if form == "80" else 1)
            settings = {"adc_gain": [200] * 2, "baseline": [0] * 2, "write_dir": folder}
            wfdb.wrsamp("r", 250, ["mV"] * 2, ["II", "V1"], d_signal=scaled, fmt=[form] * 2, **settings)
            found.append({name: Path(folder, name).read_bytes() for name in ("r.hea", "r.dat")})
        wfdb.wrann("r", "atr", np.arange(5) * 10 + 3, list("NVN~N"), fs=250, write_dir=folder)
        found = [one | {"r.atr": Path(folder, "r.atr").read_bytes()} for one in found]
    first = found[0]
    for form in (
        b"212",
        b"310",
        b"311",
        b"61",
        b"160",
    ):  # any bytes are samples of these; all checksums 0 are no checksums
        header = b"r 2 250 60\nr.dat %s 200/mV 12 0 0 0 0 II\nr.dat %s 200/mV 12 0 0 0 0 V1\n" % (form, form)
        found.append(first | {"r.hea": header})
    parts = {f"s{one}.hea": first["r.hea"].replace(b"r ", b"s%d " % one, 1).replace(b"r.dat", b"s%d.dat" % one)
             for one in (1, 2)}  # fmt: skip
    whole = b"r/2 2 250 120\ns1 60\ns2 60\n"
    content = b"".join(np.clip(1000 * ECG[:, :2], -9000, 9000).astype("<i2").tobytes() for _ in range(1))
    mat = b"r 2 250 30\nr.mat 16x1+24 1000/mV 16 0 0 0 0 II\nr.mat 16x1+24 1000/mV 16 0 0 0 0 V1\n"
    return [*found, {"r.hea": whole, **parts, "s1.dat": first["r.dat"], "s2.dat": first["r.dat"]},
            {"r.hea": mat, "r.mat": b"\0" * 24 + content}]  # fmt: skip


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


def annotated() -> list[Files]:
    return [{name: one[name] for name in ("r.atr", "r.hea", "r.dat")} for one in wfdb_records()[:3]]


def edf() -> list[Files]:
    import edfio

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for ending, make, one in (("edf", edfio.Edf, edfio.EdfSignal), ("bdf", edfio.Bdf, edfio.BdfSignal)):
            leads = [one(ECG[:50, index], 50, label=name, physical_dimension="mV", physical_range=(-5, 5))
                     for index, name in enumerate(LEADS[:2])]  # fmt: skip
            plain = [*leads, one(np.zeros(1), 1, label="SpO2", physical_dimension="%", physical_range=(-1, 100))]
            for signals, more in ((plain, {}), (leads, {"annotations": [edfio.EdfAnnotation(0.5, None, "x")]})):
                make(signals, **more).write(Path(folder, "a"))
                found.append({f"a.{ending}": Path(folder, "a").read_bytes()})
    return found


EDF = (b"EDF+C", b"EDF+D", b"EDF Annotations ", b"BDF Annotations ", b"0       ", b"-1      ", b"99999999", b"1E999   ")
EDF += (b"\x14\x14\0", b"+1.5\x14", b"-5      ", b"uV      ", b"nan     ", b"01.01.85", b"inf     ", b"\xffBIOSEMI")

CONFIG = Path(__file__).resolve().parents[2] / "cardiax" / "pretrained"


def configs() -> list[Files]:
    from cardiax.config import to_dict
    from cardiax.recipes import recipe

    experiments = (("arrhythmia", "physionet_mitbih/patient"), ("activation", "simulated_intracardiac"))
    plain = [{"config.json": json.dumps(to_dict(recipe(*one)), indent=1).encode()} for one in experiments]
    return [*plain, *({"config.json": path.read_bytes()} for path in sorted(CONFIG.glob("*/config.json")))]


def read_experiment(folder: Path, attempt: Attempt) -> None:
    """Read a config and look up what it names, as every command does before it reads data."""
    from cardiax.catalog import find_dataset
    from cardiax.launch.run.run_folder import read_config
    from cardiax.models import build_model, check_reads
    from cardiax.tasks import check_config, find_task
    from cardiax.training.optimizer import make_optimizer

    config = attempt(lambda: read_config(folder / "config.json"))
    if config is None:
        return

    def look_up() -> None:
        task, dataset = find_task(config.task), find_dataset(config.dataset)
        task.check(dataset)
        check_reads(config.model, config.task, dataset)
        build_model(config.model, task.outputs, None, config.model_args, config.precision)
        check_config(task, config)
        make_optimizer(config.optimizer, 1)

    attempt.plain(look_up)


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


def model_args() -> list[Files]:
    texts = ("widths=(4,),blocks=1", "dropout_rate=0.1,widths=(16,32)", "hidden=8", "my_noise=0.1")
    return [{"text": text.encode()} for text in texts]


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

ARRAYS = {"params/stem/kernel": np.zeros((3, 2, 4), np.float32), "batch_stats/stem/mean": np.ones(4, np.float32)}


@functools.cache
def _like() -> Any:
    from flax.traverse_util import unflatten_dict

    return unflatten_dict(ARRAYS, sep="/")


def weights() -> list[Files]:
    from cardiax.launch.run.bundle_files import weights_file

    return [{"weights.safetensors": weights_file(_like())}]


def read_weights(folder: Path, attempt: Attempt) -> None:
    from cardiax.launch.run.bundle_files import read_weights

    attempt(lambda: read_weights(folder, _like()))


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


def bundles() -> list[Files]:
    config = (CONFIG / "arrhythmia" / "config.json").read_bytes()
    files = {"config.json": config, **weights()[0]}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return [files | {"sums.json": json.dumps(sums, indent=1).encode()}]


def read_bundle(folder: Path, attempt: Attempt) -> None:
    from cardiax.launch.run.trained import find_network

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


def beat_tables() -> list[Files]:
    random_ = np.random.default_rng(0)
    rows = [
        ",".join(f"{value:.3g}" for value in (*beat, index % 5)) for index, beat in enumerate(random_.random((4, 187)))
    ]
    header = ",".join([*(f"c{index}" for index in range(187)), "label"])
    indexed = "\n".join([f",{header}", *(f"{index},{row}" for index, row in enumerate(rows))])
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in rows)
    texts = ("\n".join(rows) + "\n", indexed, "\n".join(rows).replace(",", ";").replace(".", ","), quoted)
    return [{"mitbih_train.csv": text.encode()} for text in texts]


def read_beat_table(folder: Path, attempt: Attempt) -> None:
    from cardiax.datasets.kaggle_heartbeat.csv_beats import AAMI, read_beats
    from cardiax.datasets.storage.manual_files import File

    (path,) = folder.iterdir()
    attempt(lambda: list(read_beats(File(path, str(path)), AAMI, hashlib.sha256())))


def hearts() -> list[Files]:
    since = np.arange(500.0)[:, None] - np.linspace(5, 150, 75)
    voltage = np.where((since > 0) & (since < 250), 20.0, -85.5).astype(np.float32)
    tail = "hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.3.volunteer.v2.npy"
    electrodes = (voltage @ np.random.default_rng(0).normal(size=(75, 10)) / 500).astype(np.float32)
    return [{f"pECGData_{tail}": array_bytes(electrodes), f"VmData_{tail}": array_bytes(voltage)}]


def read_hearts(folder: Path, attempt: Attempt) -> None:
    from cardiax.datasets.storage.manual_files import find
    from cardiax.datasets.ucsd_intracardiac.pairs import is_ours, pair, read, sound, summary

    def all_pairs() -> None:
        pairs, left_out = pair(find([folder], is_ours, folder).files)
        used = [read(one) for one in sound(pairs, left_out)]
        summary(left_out, len(used))

    attempt(all_pairs)


def archived() -> list[Files]:
    import tarfile

    rows = beat_tables()[0]["mitbih_train.csv"]
    members = {"archive/mitbih_train.csv": rows, "archive/mitbih_test.csv": rows, "archive/notes.txt": b"notes"}
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    packed = {"a.zip": zipped(members), "a.tar": tar.getvalue(), "a.tgz": gzip.compress(tar.getvalue(), 1)}
    packed |= {"mitbih_train.csv.gz": gzip.compress(rows, 1), "b.zip": zipped({"a.tar": tar.getvalue()})}
    return [{name: data} for name, data in packed.items()]


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
    return hostile_archive(draw, beat_tables()[0]["mitbih_train.csv"])


def meshes() -> list[Files]:
    from cardiax.ecg.leads import SITE_NAMES

    points = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n1 1 1\n"
    mesh = (
        f"# vtk DataFile Version 3.0\nheart\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 5 double\n{points}"
        "CELLS 2 10\n4 0 1 2 3\n4 1 2 3 4\nCELL_TYPES 2\n10\n10\n"
    )
    sites = "x,y,z,Name\n" + "\n".join(f"{index / 75},0.1,0.2,{name}" for index, name in enumerate(SITE_NAMES))
    binary = mesh.replace("ASCII", "BINARY").partition("POINTS")[0].encode() + b"POINTS 4 double\n"
    binary += np.eye(4, 3, dtype=">f8").tobytes() + b"\nCELLS 1 5\n" + np.array([4, 0, 1, 2, 3], ">i4").tobytes()
    binary += b"\nCELL_TYPES 1\n" + np.array([10], ">i4").tobytes() + b"\n"
    return [{"m.vtk": mesh.encode(), "s.csv": sites.encode()}, {"m.vtk": binary, "s.csv": sites.encode()}]


def read_mesh(folder: Path, attempt: Attempt) -> None:
    from cardiax.launch.formats.heart_mesh import read_heart

    attempt(lambda: read_heart(folder / "m.vtk", folder / "s.csv"))


VTK = (b"POINTS 5 double", b"POINTS 999999999 float", b"CELLS 2 10", b"CELLS 99999999 9", b"CELL_TYPES", b"FIELD a 1\n")
VTK += (b"DATASET POLYDATA", b"DATASET STRUCTURED_POINTS\nDIMENSIONS 9 9 9", b"METADATA", b"LOOKUP_TABLE", b"BINARY")

READERS: dict[str, Reader] = {
    "text": Reader(tables, read_recording, (b"time", b"time_s", b"II", b"sep=;", b"# fs = 1e400 Hz", b"12:00", b"NaN")),
    "npy": Reader(arrays, read_recording, NPY),
    "npz": Reader(array_archives, read_recording, NPY, draw_array_archive),
    "matlab": Reader(matlab, read_recording, (b"\x0f\0\0\0", b"\x0e\0\0\0", b"\x06\0\0\0", b"fs", b"\x01\0\x05\0")),
    "wfdb": Reader(wfdb_records, read_recording, WFDB),
    "annotations": Reader(
        annotated, read_annotated, (b"\0\0", b"\0\xec", b"\0\xf0", b"\0\xfc", b"\xff\xff", b"## time")
    ),
    "edf": Reader(edf, read_recording, EDF),
    "config": Reader(configs, read_experiment, FIELDS),
    "flags": Reader(model_args, read_fields, WORDS),
    "weights": Reader(weights, read_weights, SAFETENSORS),
    "bundle": Reader(bundles, read_bundle, BUNDLE),
    "kaggle": Reader(beat_tables, read_beat_table, (b",", b"label", b"1e999", b"nan", b"-0")),
    "hearts": Reader(hearts, read_hearts, NPY),
    "archives": Reader(archived, read_archive, (b"PK\1\2", b"PK\5\6", b"ustar", b"\0" * 512), draw_archive),
    "mesh": Reader(meshes, read_mesh, VTK),
}


def seeds_of(names: Sequence[str]) -> dict[str, list[Files]]:
    """Return the valid inputs of readers, by name."""
    return {name: READERS[name].seeds() for name in names}
