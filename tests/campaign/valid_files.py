"""Small valid files of every format, from which rubbish is made."""

import functools
import gzip
import hashlib
import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

Files = dict[str, bytes]
"""Name → content of the files of one input."""

ECG = np.random.default_rng(0).normal(size=(60, 8)).round(3)

LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")

CONFIG = Path(__file__).resolve().parents[2] / "cardiax" / "pretrained"

ARRAYS = {"params/stem/kernel": np.zeros((3, 2, 4), np.float32), "batch_stats/stem/mean": np.ones(4, np.float32)}


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


def configs() -> list[Files]:
    from cardiax.config import to_dict
    from cardiax.recipes import recipe

    experiments = (("arrhythmia", "physionet_mitbih/patient"), ("activation", "simulated_intracardiac"))
    plain = [{"config.json": json.dumps(to_dict(recipe(*one)), indent=1).encode()} for one in experiments]
    return [*plain, *({"config.json": path.read_bytes()} for path in sorted(CONFIG.glob("*/config.json")))]


def model_args() -> list[Files]:
    texts = ("widths=(4,),blocks=1", "dropout_rate=0.1,widths=(16,32)", "hidden=8", "my_noise=0.1")
    return [{"text": text.encode()} for text in texts]


@functools.cache
def variables() -> Any:
    """Return the variables of a small network."""
    from flax.traverse_util import unflatten_dict

    return unflatten_dict(ARRAYS, sep="/")


def weights() -> list[Files]:
    from cardiax.launch.networks.bundle_files import weights_file

    return [{"weights.safetensors": weights_file(variables())}]


def bundles() -> list[Files]:
    config = (CONFIG / "arrhythmia" / "config.json").read_bytes()
    files = {"config.json": config, **weights()[0]}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return [files | {"sums.json": json.dumps(sums, indent=1).encode()}]


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


def own_tables() -> list[Files]:
    beats = np.random.default_rng(0).random((6, 8)).round(3)
    header = ",".join([*(f"x{index}" for index in range(8)), "label", "patient"])
    rows = [",".join(map(str, beat)) + f",{'ab'[index % 2]},p{index // 2}" for index, beat in enumerate(beats)]
    text = "\n".join([header, *rows]) + "\n"
    arrays = {"beats": beats, "labels": np.arange(6) % 2, "groups": np.array(list("aabbcc")), "rate": np.array(250)}
    return [
        {"b.csv": text.encode()},
        {"b.txt": text.replace(",", ";").replace(".", ",").encode()},
        {"b.csv.gz": gzip.compress(text.encode())},
        {"b.npz": zipped({f"{name}.npy": array_bytes(array) for name, array in arrays.items()})},
    ]


def own_pairs() -> list[Files]:
    return [{"c.csv": b"label,class\n0,sinus\n1.0,wide\n"}, {"c.json": b'{"N": "sinus", "V": "wide"}'}]


def hearts() -> list[Files]:
    since = np.arange(500.0)[:, None] - np.linspace(5, 150, 75)
    voltage = np.where((since > 0) & (since < 250), 20.0, -85.5).astype(np.float32)
    tail = "hearts_dd_0p2_geo_act_1_bcl_bcl.1000.pattern.3.volunteer.v2.npy"
    electrodes = (voltage @ np.random.default_rng(0).normal(size=(75, 10)) / 500).astype(np.float32)
    return [{f"pECGData_{tail}": array_bytes(electrodes), f"VmData_{tail}": array_bytes(voltage)}]


def archived() -> list[Files]:
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
