"""The records of the MIT-BIH Arrhythmia Database (Moody and Mark 2001), as published by PhysioNet."""

from cardiax.datasets.storage.wfdb_database import Database

LENGTH = 650_000
"""Number of samples of each record, half an hour."""

RECORDS = (
    *(100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 111, 112, 113, 114, 115, 116, 117, 118, 119, 121, 122, 123),
    *(124, 200, 201, 202, 203, 205, 207, 208, 209, 210, 212, 213, 214, 215, 217, 219, 220, 221, 222, 223, 228, 230),
    *(231, 232, 233, 234),
)

DATABASE = Database(
    name="mitdb",
    homepage="https://physionet.org/content/mitdb/1.0.0/",
    license="ODC-By 1.0",
    records=tuple(map(str, RECORDS)),
    rate=360.0,
    shape=(LENGTH, 2),
)
