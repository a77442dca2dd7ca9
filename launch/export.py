"""Export a trained network as a bundle: a folder with weights, model card and programs for use elsewhere.

The folder has weights.safetensors, config.json, preprocessor.json (what the inputs and outputs are), README.md (a model
card), golden.npz (a few inputs and the outputs for them), model.stablehlo (the network as a program of JAX for CPU, GPU
and TPU) and sums.json (the SHA-256 of each file). `cardiax predict DIR FILE` and `cardiax.load(DIR)` read it.

Of a network of the task activation or transmembrane, whose data are at hand, it also has trust.safetensors: how far its
activation times can be trusted, measured on validation cases. In place of a run, RUN may be a bundle, which is copied
with a new trust.safetensors, or a state dict of PyTorch (.pth) of the reference SqueezeNet for transmembrane voltages.

Examples:

  cardiax export runs/mine --out bundles/mine
  cardiax export runs/hearts --out bundles/hearts --license cc-by-4.0
  cardiax export runs/mine --out bundles/mine-onnx --onnx --data-dir data
  cardiax export bundles/hearts --out bundles/hearts-trust --calibrate simulated_intracardiac/varied
  cardiax export squeezenet.pth --out bundles/squeezenet
"""

import argparse
import datetime
from pathlib import Path

from cardiax.errors import InputError
from cardiax.launch.run.run_folder import CALIBRATION, Workdir, as_json, config_fields
from cardiax.launch.system.flags import add_data_dir

RESULTS = {
    "Test": "test.json",
    "Test, one lead missing": "test_drop_lead.json",
    "Validation": "validation.json",
    "Validation, one lead missing": "validation_drop_lead.json",
}
"""The files of metrics that the card shows where they are; the first must be there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run, the folder of the bundle, and what may be in it."""
    parser.add_argument(
        "workdir", metavar="RUN", help="folder of a run, a bundle to measure its trust.safetensors, or a .pth"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the bundle, new or empty")
    parser.add_argument("--onnx", action="store_true", help="also write model.onnx (extra onnx)")
    parser.add_argument("--no-stablehlo", action="store_true", help="leave model.stablehlo out, for use with cardiax")
    parser.add_argument("--license", metavar="NAME", help="licence of the weights, as Hugging Face has it (other)")
    add_data_dir(parser, "that of the run")
    parser.add_argument(
        "--calibrate",
        metavar="DATASET",
        help="dataset of unseen hearts, whose errors give the intervals of the times (default: that of the run)",
    )


def run(options: argparse.Namespace) -> None:
    """Write the bundle of a run, or a bundle anew with its trust.safetensors."""
    import jax
    import numpy as np

    from cardiax.launch.bundle.card import FILES, card
    from cardiax.launch.bundle.golden import golden_file, golden_inputs, prepared_experiment
    from cardiax.launch.bundle.measured_trust import bundle_with_trust, calibrated, section, with_section
    from cardiax.launch.bundle.preprocessor import describe
    from cardiax.launch.bundle.programs import GUARANTEE, PLATFORMS, onnx, stablehlo
    from cardiax.launch.bundle.pytorch_weights import ENDINGS, pytorch_network
    from cardiax.launch.networks.bundle_files import (
        CARD,
        FORMAT,
        SUMS,
        check_is_free,
        is_bundle,
        weights_file,
        write_bundle,
    )
    from cardiax.launch.networks.trained import find_network
    from cardiax.launch.networks.trust import TRUST, trust_file
    from cardiax.launch.run.environment import versions
    from cardiax.models import TREES
    from cardiax.tasks import input_shapes, task_of

    check_is_free(options.out)
    workdir = Workdir(options.workdir)
    path = workdir.path
    if path.suffix in ENDINGS and path.is_file():
        source = pytorch_network(path)
    elif path.is_dir():
        source = find_network(path)
    else:
        what = f"a file ending in {path.suffix!r}" if path.exists() else "no such folder or file"
        raise InputError(f"{path}: found {what}, expected the folder of a run or a bundle, or a .pth or .pt file")
    config = source.config
    if is_bundle(path):
        given = {"--onnx": options.onnx, "--no-stablehlo": options.no_stablehlo, "--license": options.license}
        for flag in (flag for flag, value in given.items() if value):
            raise InputError(
                f"{flag}: found the bundle {path}, expected the folder of a run, since a bundle's other files are "
                f"copied as they are; leave {flag} out, or export the run"
            )
        write_bundle(options.out, bundle_with_trust(source, options.data_dir, options.calibrate))
        print(f"{options.out}: {path} with {TRUST}")
        return
    if config.model in TREES:
        raise InputError(f"{path}: found the model {config.model}, which is not a network, expected a network")
    results, data_dir, experiment = {}, options.data_dir, None
    if not source.imported:
        if not (path / "test.json").exists():
            raise InputError(
                f"{path}: found no test.json, expected the metrics for the model card; `cardiax evaluate {path}` "
                "writes it"
            )
        results = {title: workdir.read_json(file) for title, file in RESULTS.items() if (path / file).exists()}
        environment = workdir.read_json("environment.json")
        data_dir = data_dir or (Path(environment["data_dir"]) if environment.get("data_dir") else None)
        experiment = prepared_experiment(config, data_dir)
        if experiment is not None and experiment.fingerprints != environment.get("fingerprints", {}):
            experiment = None  # other data than those of the run
    trust = calibrated(source, experiment, data_dir, options.calibrate)

    inputs, what = golden_inputs(config, experiment)
    variables = source.variables()
    apply = source.function(variables)
    output = np.asarray(jax.jit(apply)(**inputs))
    calibration = workdir.read_json(CALIBRATION) if (path / CALIBRATION).exists() else None
    today = {"exported": str(datetime.date.today())}
    about_bundle = {"format": FORMAT, **today, "versions": versions()}
    about_bundle |= {"imported": source.imported} if source.imported else {}
    description = describe(config, output.shape[1:], calibration is not None)
    description["golden"] = {"inputs": what, "tolerance": "1e-5 of the largest absolute value of the output"}
    if not options.no_stablehlo:
        built = {name: about_bundle["versions"][name] for name in ("jax", "jaxlib")}
        description["stablehlo"] = {**built, "platforms": PLATFORMS, **today, **GUARANTEE}
    files = {
        "weights.safetensors": weights_file(variables),
        "config.json": as_json(config_fields(config) | {"bundle": about_bundle}),
        "preprocessor.json": as_json(description),
    }
    if calibration is not None:
        files[CALIBRATION] = as_json(calibration)
    files["golden.npz"] = golden_file(inputs, output)
    if not options.no_stablehlo:
        files["model.stablehlo"] = stablehlo(apply, input_shapes(config))
    if options.onnx:
        files["model.onnx"] = onnx(apply, input_shapes(config), config.model)
    if trust is not None:
        files[TRUST] = trust_file(trust)
    about = {name: text for name, text in FILES.items() if name in files or name == "sums.json"}
    name = options.out.absolute().name
    count, licence = sum(leaf.size for leaf in jax.tree.leaves(variables)), options.license or "other"
    text = card(name, config, results, description, licence, about, calibration, source.imported, count)
    files[CARD] = (with_section(text, section(trust)) if trust is not None else text).encode()
    write_bundle(options.out, files)
    if hasattr(task_of(config), "classes") and calibration is None:
        print(f"note: no {CALIBRATION} in {path}; `cardiax evaluate` writes it, with which classes are calibrated")
    print(f"golden.npz: {what}")
    for name in (*files, SUMS):
        print(f"{options.out / name}: {(options.out / name).stat().st_size:,} bytes")
