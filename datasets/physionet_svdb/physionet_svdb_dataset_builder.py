"""The MIT-BIH Supraventricular Arrhythmia Database from PhysioNet's records as TFDS."""

from cardiax.datasets.storage.wfdb_beats import WfdbBeats
from cardiax.datasets.storage.wfdb_database import Database


class Builder(WfdbBeats):
    """One beat per example, around its R peak, with its record and the index, sample and symbol of its annotation."""

    DATABASE = Database(
        name="svdb",
        homepage="https://physionet.org/content/svdb/1.0.0/",
        license="ODC-By 1.0",
        records=tuple(map(str, (*range(800, 813), *range(820, 830), *range(840, 895)))),
        rate=128.0,
        shape=(230_400, 2),
    )
