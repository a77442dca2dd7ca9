"""Metadata of every dataset, available before any data is on disk: no I/O, no heavy imports.

Datasets are named `NAME` or `NAME/CONFIG`, as in TFDS, and some may be joined, `NAME,NAME`. The builders are in
`cardiax.datasets`.
"""

import dataclasses
import functools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from cardiax.errors import InputError, check_new, unknown

DISCLAIMER = "Research only, not a medical device"
"""Stands on every answer about a recording."""

AAMI_CLASSES = ("N", "S", "V", "F", "Q")
"""The classes of ANSI/AAMI EC57: normal, supraventricular ectopic, ventricular ectopic, fusion, paced or unknown."""

AAMI_MEANINGS = {
    "N": "normal, bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion of V and N",
    "Q": "paced or unknown",
}
"""The same in words."""


def meaning(name: str, aami: bool) -> str:
    """Return a class in words: what AAMI means by it, or its name if it is not AAMI's."""
    return AAMI_MEANINGS.get(name, name) if aami else name


def is_aami(classes: Collection[str]) -> bool:
    """Return True if classes are those of ANSI/AAMI EC57, or some of these with N."""
    return {"N"} <= {*classes} <= {*AAMI_CLASSES}


BEAT_LENGTH = 187
"""Samples in a row of Kaggle's heartbeat files."""

WINDOW_RATE = 180.0
"""Sampling rate of beats cut around their R peaks, Hz."""

WINDOW_BEFORE, WINDOW_AFTER = 72, 120
"""Samples of such a beat before its R peak (0.4 s) and from the R peak on (0.67 s)."""

WINDOW_LEADS = 2
"""Leads of such a beat: a record of the MIT-BIH databases has two."""

WINDOW = 500
"""Samples of an ECG imaging recording, at 1 kHz."""

NOISE = "noise"
"""The default protocol, with additional tests under recorded noise and, of twelve leads, with each missing."""

FOLDS = ("ds1_fold_1", "ds1_fold_2", "ds1_fold_3", "ds1_fold_4")
"""The protocols of a cross-validation over the patients of DS1; DS2 is not used."""

BOTH_FOLDS = ("both_fold_1", "both_fold_2", "both_fold_3", "both_fold_4")
"""The protocols of a cross-validation over the training and validation patients of `both`."""

OWN = "own_beats"
"""The dataset of your own beats; each configuration of it is named after your files and their content."""

OWN_FOLDS = ("fold_1", "fold_2", "fold_3", "fold_4", "fold_5")
"""The protocols of a cross-validation over the groups of your own beats, as many as there are groups, at most five."""

OWN_PROTOCOLS = ("group", "random", *OWN_FOLDS)
"""The protocols of your own beats; with `NOISE` for records."""

BY_PATIENT = ("patient", "group", "both", "cross", *FOLDS, *BOTH_FOLDS, *OWN_FOLDS)
"""The protocols that split a dataset by record, or your own beats by their groups."""


@dataclass(frozen=True)
class Dataset:
    """The metadata of one dataset in one configuration.

    Attributes:
      name: `NAME` or `NAME/CONFIG`, or several of these, separated by commas, whose examples are joined.
      kind: type of an example: `beat` (one beat and its label), `intracardiac` (electrode potentials and the voltages
        of 75 sites, 500 ms), or `noise` (recorded electrode noise, used in tests only).
      rate: sampling rate, Hz; 0 if it is not known. Kaggle's page states 125 for both halves; the MIT-BIH half is every
        third sample of 360.
      protocols: protocols that can split it (see `cardiax.protocols`), the default first; `NOISE` draws the default
        split. A dataset without protocols is not trained on.
      classes: class names of beats; label i is `classes[i]`.
      counts: number of examples per class, for each part on disk; empty where the generator or the user decides.
      real: description of the data that a built-in dataset, which is computed, stands for, and the dataset of that
        data to train with; empty for data that are prepared from files.
      by_record: True if the model's input for a beat depends on all beats of its record.
      dominant_record: test record that holds most beats of a class; metrics are also reported without it.
      note: remark for readers of the metrics by patient.
      voltages: False if ECG imaging recordings have activation times in place of voltages.
      single_site_patterns: activation pattern → the only site that it starts at, an index into
        `cardiax.ecg.leads.SITE_NAMES`; such a pattern begins like a stimulus at that site.
      shape: samples and leads of a beat that is shown without its record.
      symbols: annotation symbol → class, of your own records; empty for the symbols of `cardiax.ecg.beat_windows`.
      made_by: arguments of `cardiax prepare` that made a dataset of your own, without the folders of its files.
    """

    name: str
    kind: str
    rate: float
    protocols: tuple[str, ...]
    classes: tuple[str, ...] = ()
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    real: tuple[str, str] | tuple[()] = ()
    by_record: bool = False
    dominant_record: int | None = None
    note: str = ""
    voltages: bool = True
    single_site_patterns: dict[int, int] = field(default_factory=dict)
    shape: tuple[int, int] = (BEAT_LENGTH, 1)
    symbols: dict[str, str] = field(default_factory=dict)
    made_by: str = ""

    @property
    def members(self) -> tuple["Dataset", ...]:
        """The datasets that are joined, in order; of a single dataset itself."""
        names = self.name.split(",")
        return tuple(map(find_dataset, names)) if len(names) > 1 else (self,)

    @property
    def built_in(self) -> bool:
        """True if the dataset is computed and needs no download."""
        return bool(self.real)

    @property
    def own(self) -> bool:
        """True for beats of your own."""
        return self.name.startswith(f"{OWN}/")

    @property
    def aami(self) -> bool:
        """True if the classes are AAMI's, see `is_aami`."""
        return is_aami(self.classes)

    @property
    def has_rhythms(self) -> bool:
        """True if the beats of a simulated rhythm, of AAMI's classes N and S, have classes of the dataset."""
        return self.aami and "S" in self.classes

    @property
    def normal(self) -> str:
        """The class of normal beats: of the annotation symbol N, or named N or normal, else the first one."""
        named = [self.symbols.get("N"), "N", *(name for name in self.classes if name.lower() == "normal")]
        return next((name for name in named if name in self.classes), self.classes[0])

    def drawn_by(self, protocol: str) -> str:
        """Return the protocol that draws the split: the default one for `NOISE`, else `protocol` itself."""
        return self.protocols[0] if protocol == NOISE else protocol


_beats = functools.partial(Dataset, kind="beat", classes=AAMI_CLASSES)
_mitbih = functools.partial(
    _beats,
    dominant_record=232,  # 1,382 of the 1,837 class S beats of DS2; its subject has sick sinus syndrome
    note="record 201 of DS1 is left out of training, since record 202 of DS2 is the same subject (DS1 and DS2: "
    "MIT-BIH's training and test patients)",
)
_hearts = functools.partial(Dataset, kind="intracardiac", rate=1000.0)

_KAGGLE_COUNTS = {"train": (72471, 2223, 5788, 641, 6431), "test": (18118, 556, 1448, 162, 1608)}
_HEART_PROTOCOLS = ("random", "published", "volunteer", "pattern", NOISE)
_REAL_HEARTS = ("the UCSD/LLNL dataset (5.2 GB)", "ucsd_intracardiac")

DATASETS = {
    dataset.name: dataset
    for dataset in (
        _beats(
            "kaggle_heartbeat/mitbih",
            rate=120.0,
            counts=_KAGGLE_COUNTS,
            protocols=("kaggle", "published", NOISE),
        ),
        _beats(
            "kaggle_heartbeat/ptbdb",
            classes=("normal", "abnormal"),
            rate=125.0,
            counts={"all": (4046, 10506)},
            protocols=("published", NOISE),
        ),
        _mitbih(
            "physionet_mitbih/kaggle",
            rate=120.0,
            counts=_KAGGLE_COUNTS,
            protocols=("kaggle", "published", "patient", NOISE),
        ),
        _mitbih("physionet_mitbih/kaggle_patient", rate=120.0, protocols=("patient", *FOLDS, NOISE)),
        _mitbih("physionet_mitbih/patient", rate=WINDOW_RATE, protocols=("patient", *FOLDS, NOISE), by_record=True),
        Dataset("physionet_nstdb", kind="noise", rate=360.0, protocols=()),
        _beats(
            "physionet_svdb",
            rate=WINDOW_RATE,
            protocols=("patient", "group", NOISE),
            dominant_record=865,  # 1,818 of the 3,391 class S beats of the test records
            by_record=True,
        ),
        _beats(
            "simulated_heartbeat",
            rate=120.0,
            protocols=("kaggle", "published", NOISE),
            real=("real beats", "physionet_mitbih/patient"),
        ),
        _hearts("ucsd_intracardiac", protocols=_HEART_PROTOCOLS),
        _hearts(
            "simulated_intracardiac",
            protocols=_HEART_PROTOCOLS,
            real=_REAL_HEARTS,
            single_site_patterns={20: 17, 21: 19, 22: 16, 23: 30, 24: 32},
        ),
        _hearts("simulated_intracardiac/varied", protocols=("volunteer", NOISE), real=_REAL_HEARTS, voltages=False),
    )
}


JOINED: dict[frozenset[str], tuple[str, ...]] = {
    frozenset(("physionet_mitbih/patient", "physionet_svdb")): ("both", "cross", *BOTH_FOLDS, NOISE),
}
"""Datasets that can be joined, since their examples have the same form and no subject in common → their protocols."""


def register(dataset: Dataset) -> None:
    """Add a dataset of your own to the catalog; a TFDS builder of its name prepares it (see `cardiax.datasets`).

    Raises `ValueError` if another dataset has that name.
    """
    check_new("dataset", DATASETS, dataset.name, dataset)
    DATASETS[dataset.name] = dataset


def remember(fields: Mapping[str, Any]) -> Dataset:
    """Add beats of your own to the catalog, from what `describe` returned, and return them.

    Their name contains a digest of their content, so whatever has the name has the same fields, but for `made_by`.
    Raises `InputError` if a field is missing or not valid, or differs from that of a dataset of that name.
    """
    try:
        shape, classes = tuple(map(int, fields["shape"])), tuple(map(str, fields["classes"]))
        found = Dataset(
            name=str(fields["name"]),
            kind="beat",
            rate=float(fields["rate"]),
            protocols=tuple(map(str, fields["protocols"])),
            classes=classes,
            by_record=bool(fields["by_record"]),
            shape=(shape[0], shape[1]),
            symbols=dict(fields["symbols"]),
            made_by=str(fields["made_by"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"own_dataset: found {error!r}, expected the fields that cardiax wrote") from error
    valid = {
        "name": found.own,
        "classes": 2 <= len(classes) == len({*classes}),
        "rate": math.isfinite(found.rate) and found.rate >= 0,
        "protocols": bool({*found.protocols[:1]} & {*OWN_PROTOCOLS}) and {*found.protocols} <= {*OWN_PROTOCOLS, NOISE},
        "shape": len(shape) == 2 and min(shape) > 0,
        "symbols": {*found.symbols.values()} <= {*classes},
    }
    for name, is_valid in valid.items():
        if not is_valid:
            raise InputError(f"own_dataset: found {name} {fields[name]!r}, expected what cardiax wrote")
    known = DATASETS.get(found.name)
    if known is not None and dataclasses.replace(found, made_by=known.made_by) != known:
        raise InputError(
            f"own_dataset: found {found.name} with other fields than before, expected the same; one is edited"
        )
    DATASETS[found.name] = found
    return found


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what `remember` takes, values of JSON."""
    names = ("name", "rate", "protocols", "classes", "by_record", "shape", "symbols", "made_by")
    return {name: getattr(dataset, name) for name in names}


def find_dataset(name: str) -> Dataset:
    """Return a dataset, without `/CONFIG` its first one, or several, `A,B`, joined; `InputError` if that cannot be."""
    if "," in name:
        return _joined([find_dataset(one) for one in name.split(",")])
    if name in DATASETS:
        return DATASETS[name]
    for full_name, dataset in DATASETS.items():
        if full_name.split("/")[0] == name:
            return dataset
    raise unknown("dataset", name, DATASETS)


def _joined(members: list[Dataset]) -> Dataset:
    names = [member.name for member in members]
    protocols = JOINED.get(frozenset(names))
    if protocols is None or len(set(names)) < len(names):
        known = " or ".join(",".join(sorted(one)) for one in JOINED)
        raise InputError(f"dataset: found {','.join(names)}, expected a single dataset, or {known}, in any order")
    note = "; ".join(member.note for member in members if member.note)
    return dataclasses.replace(members[0], name=",".join(names), protocols=protocols, dominant_record=None, note=note)
