"""The datasets as TFDS builders; importing this registers them for `tfds.builder("kaggle_heartbeat/mitbih")`."""

from cardiax.datasets.kaggle_heartbeat import kaggle_heartbeat_dataset_builder as kaggle_heartbeat_dataset_builder
from cardiax.datasets.physionet_mitbih import physionet_mitbih_dataset_builder as physionet_mitbih_dataset_builder
from cardiax.datasets.physionet_nstdb import physionet_nstdb_dataset_builder as physionet_nstdb_dataset_builder
from cardiax.datasets.simulated_heartbeat import (
    simulated_heartbeat_dataset_builder as simulated_heartbeat_dataset_builder,
)
from cardiax.datasets.simulated_intracardiac import (
    simulated_intracardiac_dataset_builder as simulated_intracardiac_dataset_builder,
)
from cardiax.datasets.storage.prepared import (
    default_data_dir,
    is_prepared,
    load,
    open_records,
    prepare,
    prepared_from,
    prepared_path,
    sizes,
)
from cardiax.datasets.ucsd_intracardiac import ucsd_intracardiac_dataset_builder as ucsd_intracardiac_dataset_builder

__all__ = [
    "default_data_dir",
    "is_prepared",
    "load",
    "open_records",
    "prepare",
    "prepared_from",
    "prepared_path",
    "sizes",
]
