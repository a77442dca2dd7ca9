"""Metadata of every dataset, available before any data is on disk: no I/O, no heavy imports.

Datasets are named `NAME` or `NAME/CONFIG`, as in TFDS, and some may be joined, `NAME,NAME`. The builders are in
`cardiax.datasets`.
"""

import dataclasses
from dataclasses import dataclass, field

from cardiax.errors import InputError, unknown
from cardiax.registry import check_new

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

BY_PATIENT = ("patient", "group", "both", "cross", *FOLDS, *BOTH_FOLDS)
"""The protocols that split a dataset by record."""


@dataclass(frozen=True)
class Dataset:
    """The metadata of one dataset in one configuration.

    Attributes:
      name: `NAME` or `NAME/CONFIG`, or several of these, separated by commas, whose examples are joined.
      kind: type of an example: `beat` (one beat and its label), `intracardiac` (electrode potentials and the voltages
        of 75 sites, 500 ms), or `noise` (recorded electrode noise, used in tests only).
      rate: sampling rate, Hz. Kaggle's page states 125 for both halves; the MIT-BIH half is every third sample of 360.
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

    @property
    def members(self) -> tuple["Dataset", ...]:
        """The datasets that are joined, in order; of a single dataset itself."""
        names = self.name.split(",")
        return tuple(map(find_dataset, names)) if len(names) > 1 else (self,)

    @property
    def built_in(self) -> bool:
        """True if the dataset is computed and needs no download."""
        return bool(self.real)

    def drawn_by(self, protocol: str) -> str:
        """Return the protocol that draws the split: the default one for `NOISE`, else `protocol` itself."""
        return self.protocols[0] if protocol == NOISE else protocol


_DOMINANT = 232
"""This record has 1,382 of the 1,837 class S beats of DS2; its subject has sick sinus syndrome."""

_NOTE = "record 201 of DS1 is left out of training, since record 202 of DS2 is the same subject"

_INTRACARDIAC_PROTOCOLS = ("random", "published", "volunteer", "pattern", NOISE)

DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="kaggle_heartbeat/mitbih",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            counts={"train": (72471, 2223, 5788, 641, 6431), "test": (18118, 556, 1448, 162, 1608)},
            protocols=("kaggle", "published", NOISE),
        ),
        Dataset(
            name="kaggle_heartbeat/ptbdb",
            kind="beat",
            classes=("normal", "abnormal"),
            rate=125.0,
            counts={"all": (4046, 10506)},
            protocols=("published", NOISE),
        ),
        Dataset(
            name="physionet_mitbih/kaggle",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            counts={"train": (72471, 2223, 5788, 641, 6431), "test": (18118, 556, 1448, 162, 1608)},
            protocols=("kaggle", "published", "patient", NOISE),
            dominant_record=_DOMINANT,
            note=_NOTE,
        ),
        Dataset(
            name="physionet_mitbih/kaggle_patient",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            protocols=("patient", *FOLDS, NOISE),
            dominant_record=_DOMINANT,
            note=_NOTE,
        ),
        Dataset(
            name="physionet_mitbih/patient",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=WINDOW_RATE,
            protocols=("patient", *FOLDS, NOISE),
            dominant_record=_DOMINANT,
            note=_NOTE,
            by_record=True,
        ),
        Dataset(name="physionet_nstdb", kind="noise", rate=360.0, protocols=()),
        Dataset(
            name="physionet_svdb",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=WINDOW_RATE,
            protocols=("patient", "group", NOISE),
            dominant_record=865,  # 1,818 of the 3,391 class S beats of the test records
            by_record=True,
        ),
        Dataset(
            name="simulated_heartbeat",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            protocols=("kaggle", "published", NOISE),
            real=("real beats", "kaggle_heartbeat/mitbih"),
        ),
        Dataset(name="ucsd_intracardiac", kind="intracardiac", rate=1000.0, protocols=_INTRACARDIAC_PROTOCOLS),
        Dataset(
            name="simulated_intracardiac",
            kind="intracardiac",
            rate=1000.0,
            protocols=_INTRACARDIAC_PROTOCOLS,
            real=("the UCSD/LLNL dataset (5.2 GB)", "ucsd_intracardiac"),
            single_site_patterns={20: 17, 21: 19, 22: 16, 23: 30, 24: 32},
        ),
        Dataset(
            name="simulated_intracardiac/varied",
            kind="intracardiac",
            rate=1000.0,
            protocols=("volunteer", NOISE),
            real=("the UCSD/LLNL dataset (5.2 GB)", "ucsd_intracardiac"),
            voltages=False,
        ),
    )
}


JOINED: dict[frozenset[str], tuple[str, ...]] = {
    frozenset(("physionet_mitbih/patient", "physionet_svdb")): ("both", "cross", *BOTH_FOLDS, NOISE),
}
"""Datasets that can be joined, since their examples have the same form and no subject in common → their protocols."""


def register(dataset: Dataset) -> None:
    """Add a dataset of your own to the catalog; a TFDS builder of its name prepares it (see `cardiax.datasets`).

    Raises:
      ValueError: another dataset has that name.
    """
    check_new("dataset", DATASETS, dataset.name, dataset)
    DATASETS[dataset.name] = dataset


def find_dataset(name: str) -> Dataset:
    """Return the dataset `name`; without `/CONFIG`, its first configuration. Names with a comma between are joined.

    Raises:
      InputError: if a name is unknown, or the datasets cannot be joined.
    """
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
