"""Time training steps and inference of each task's default model and reference models, on synthetic inputs.

A step is that of training, with the recipe of a default model or the optimizer of a reference model. With --peer torch
the same network is built in PyTorch (extra `bench`, from a checkout) with the same weights, loss, optimizer, batch and
cores, in eager mode and with torch.compile (which needs a C++ compiler); the faster of the two counts. Augmentation,
average and schedule are then omitted on both sides, and both must compute the same loss before they are timed. Each
side is a separate process. They alternate in blocks, so that changes in the machine's load affect both. A ratio is the
median over blocks of PyTorch's time divided by ours: above 1, ours is faster. "At peak" is the ratio if all operations
of our step were as fast as a matrix product of 2048 × 2048 on this machine, an approximate upper bound. field_cnn is
measured only if it is named.

With --precision bfloat16 our networks are computed in bfloat16, and PyTorch's under torch.autocast; the losses of both
are then compared in float32.

With --profile each model is followed by a profile of its step and of inference on one core.

With --without NAME each program is timed with and without one of the ways in which layers are fast on CPUs; the list is
in cardiax/nn/speedups.py.

With --scaling one batch is divided over 1, 2, 4 and 8 simulated devices, and over two processes on loopback: the losses
must agree, and the times show the cost of dividing. The default models of the tasks are measured; arrhythmia if no task
is named.

With --to-score the time from process start to a score on Kaggle's MIT-BIH test set is measured: the command trains
arrhythmia for every seed and target, each in a new process, until the accuracy and the macro-F1 on validation reach the
target, and then tests once. Fields of an experiment after --to-score make another recipe, and --to-score may be
repeated. The reference CNN in PyTorch, with its authors' recipe, is measured too where PyTorch is installed. It needs
`cardiax prepare kaggle_heartbeat`, or `cardiax prepare physionet_mitbih` and the field dataset=physionet_mitbih/kaggle.

Examples:

  cardiax bench
  cardiax bench arrhythmia activation --model resnet1d --model activation_cnn
  cardiax bench heartbeat --peer torch --json bench.json
  cardiax bench heartbeat --profile
  cardiax bench heartbeat --precision bfloat16 --peer torch
  cardiax bench --without barriers
  cardiax bench --scaling
  cardiax bench --to-score --json time_to_score.json
  cardiax bench --to-score epochs=3 batch_size=256 --to-score --targets .985/.915 --margin .002 .02 --no-peer
"""

import argparse
import contextlib
import json
from pathlib import Path
from typing import Any

from cardiax.config import PRECISIONS, with_overrides
from cardiax.errors import InputError, unknown
from cardiax.launch.system.flags import count, finite, positive

BUSY = 0.3
"""Load per core above which times are unreliable: PyTorch's threads wait for each other at every layer."""


HEAD = (
    "task           model                     batch  parameters    step ms  quartiles        examples/s  GFLOP/s  "
    "of peak  step MB  process MB  compile s  start s  infer 1 ms  infer 256 ms"
)
PEER_HEAD = (
    "task           model                     batch    ours ms    eager ms  compile ms  ratio  quartiles    at peak"
    "  infer 1  quartiles      infer 256  quartiles"
)
WITHOUT_HEAD = (
    "task           model                     ms with  without {}: times as long, with quartiles\n"
    f"{'':<41}   step                       step               inference of 1     inference of 256"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is timed, for how long, and the peer to compare with."""
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="tasks to measure (default: all)")
    parser.add_argument("--model", action="append", metavar="NAME", help="measure this model; may be repeated")
    parser.add_argument(
        "--model-args", metavar="X", default="", help="fields of the model, e.g. blocks=1,widths=(8,16)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="precision of the networks")
    parser.add_argument("--peer", choices=("torch",), help="also measure the same networks in PyTorch")
    parser.add_argument(
        "--without", metavar="NAME", help="also time the step and inference without a speedup of `cardiax.nn.speedups`"
    )
    parser.add_argument("--scaling", action="store_true", help="measure the cost of dividing a batch over devices")
    parser.add_argument("--blocks", type=_several, default=9, metavar="N", help="number of timed blocks, 2 or more (9)")
    parser.add_argument("--seconds", type=positive, default=1.0, metavar="S", help="approximate length of a block (1)")
    parser.add_argument("--profile", action="store_true", help="show the time of each kind of operation, on one core")
    parser.add_argument(
        "--no-start", action="store_true", help="do not measure the time from process start to first step"
    )
    parser.add_argument("--json", metavar="FILE", help="write all measurements to this file")
    score = parser.add_argument_group("time to a score")
    score.add_argument(
        "--to-score",
        nargs="*",
        action="append",
        metavar="FIELD=X",
        help="measure the time to a score, with these fields in the recipe of kaggle_heartbeat/mitbih; may be repeated",
    )
    score.add_argument(
        "--targets",
        default=".985/.915,.989/.935",
        metavar="A/F,A/F",
        help="accuracy and macro-F1 to reach (default: %(default)s)",
    )
    score.add_argument(
        "--margin",
        nargs=2,
        type=finite,
        default=(0, 0),
        metavar=("A", "F"),
        help="how much more of both is asked of validation, after which training stops (default: 0 0)",
    )
    score.add_argument("--seeds", type=count, default=3, metavar="N", help="seeds 0 to N - 1 (default: %(default)s)")
    score.add_argument(
        "--limit", type=positive, default=30, metavar="MINUTES", help="longest time of a run (default: %(default)s)"
    )
    score.add_argument("--no-peer", action="store_true", help="do not measure PyTorch")


def _several(text: str) -> int:
    value = int(text)
    if value < 2:
        raise ValueError
    return value


def run(options: argparse.Namespace) -> None:
    """Measure the models, print a line for each as it is done, and write the JSON."""
    modes = {"--scaling": options.scaling, "--without": options.without}
    modes |= {f"--peer {options.peer}": options.peer, "--profile": options.profile}
    if options.to_score:
        modes |= {"--to-score": True, "a task": options.tasks, "--model": options.model}
        modes |= {"--model-args": options.model_args, "--precision": options.precision != PRECISIONS[0]}
    asked = [flag for flag, value in modes.items() if value]
    if (options.scaling or options.without or options.to_score) and len(asked) > 1:
        raise InputError(f"bench: found {' and '.join(asked)}, expected only one of them")
    from cardiax.launch.evaluation.results_page import table
    from cardiax.launch.run.progress import say
    from cardiax.launch.timing import device_scaling, op_profile, pytorch_twin, time_to_score, workload
    from cardiax.launch.timing.machine import describe_machine, matmul_peak
    from cardiax.nn.speedups import SPEEDUPS
    from cardiax.recipes import recipe

    if options.without and options.without not in SPEEDUPS:
        raise unknown("speedup", options.without, SPEEDUPS)
    pairs = _pairs(options.tasks, options.model, options.scaling)
    model_args = dict(with_overrides(recipe(pairs[0][0]), {"model_args": options.model_args}).model_args)
    bare = options.peer is not None
    configs = [workload.configure(*pair, model_args, bare, options.precision) for pair in pairs]
    if options.json and not Path(options.json).absolute().parent.is_dir():
        raise InputError(f"--json: found no folder for {options.json}, expected an existing one; create it first")
    torch = {"torch": pytorch_twin.check()} if options.peer else {}
    if options.profile:
        op_profile.check()
    recipes = time_to_score.recipes_of(options.to_score) if options.to_score else {}
    time_to_score.targets_of(options.targets)

    machine: dict[str, Any] = describe_machine() | {"matmul_flops_per_second": matmul_peak(options.precision)}
    machine["versions"] |= torch
    versions = " ".join(" ".join(pair) for pair in machine["versions"].items())
    say(f"{machine['processor']}, {machine['cores']} cores, {machine['devices']}, {machine['system']}\n{versions}")
    peak = machine["matmul_flops_per_second"]
    say(f"load {machine['load']:.1f} at the start, matrix product {peak / 1e9:.1f} GFLOP/s")
    if machine["load"] > BUSY * machine["cores"]:
        say("the machine is busy, which stalls threads that wait for each other: do not report these times")
    if options.to_score:
        found = time_to_score.measure(recipes, options, machine)
        say(table(found))
        _write(options.json, found)
        return
    results = []
    if not options.scaling:
        say(PEER_HEAD if options.peer else WITHOUT_HEAD.format(options.without) if options.without else HEAD)
    for config in configs:
        if options.scaling:
            result = device_scaling.measure_scaling(config, options.blocks, options.seconds)
            say(device_scaling.table(result))
        elif options.without:
            result = _compare(config, options)
            say(_without_row(result))
        else:
            result = _measure(config, options, peak)
            say(_peer_row(result) if options.peer else _row(result))
            if options.profile:
                result["profile"] = op_profile.measure(config)
                say(op_profile.table(result["profile"]))
        results.append(result)
    _write(options.json, {"machine": machine, "scaling" if options.scaling else "results": results})


def _write(file: str | None, found: dict[str, Any]) -> None:
    if file:
        Path(file).write_text(json.dumps(found, indent=2) + "\n")


def _pairs(tasks: list[str], models: list[str] | None, scaling: bool = False) -> list[tuple[str, str]]:
    """Return the (task, model) pairs to measure: every named model with each task that takes it."""
    from cardiax.launch.timing.workload import ON_REQUEST, models_of
    from cardiax.tasks import TASKS

    if scaling and not models:
        return [(task, models_of(task)[0]) for task in tasks or ["arrhythmia"]]
    fitting = {task: models_of(task) for task in tasks or TASKS}
    known = {name for names in fitting.values() for name in names}
    for model in set(models or ()) - known:
        raise unknown(f"model of {', '.join(fitting)}", model, known)
    return [
        (task, model)
        for task, names in fitting.items()
        for model in names
        if (model in models if models else model not in ON_REQUEST)
    ]


def _measure(config: Any, options: argparse.Namespace, peak: float) -> dict[str, Any]:
    from cardiax.launch.timing import pytorch_twin, workload
    from cardiax.launch.timing.machine import alternate, peak_memory, spread

    ours = workload.prepare(config)
    with pytorch_twin.start(ours) if options.peer else contextlib.nullcontext() as twin:
        losses = pytorch_twin.compare_losses(twin, ours) if twin else {}
        runs = {"cardiax": workload.training(ours)} | (twin.runs("train") if twin else {})
        train = alternate(runs, options.blocks, options.seconds)
        infer = {}
        for size in workload.SIZES:
            runs = {"cardiax": workload.inference(ours, size)} | (twin.runs("infer", size) if twin else {})
            infer[str(size)] = alternate(runs, options.blocks, options.seconds)
    step = spread(train["cardiax"])
    result = {
        "task": config.task,
        "model": config.model,
        "precision": config.precision,
        "batch_size": config.batch_size,
        "parameters": ours.parameters,
        "step_seconds": step,
        "examples_per_second": config.batch_size / step["median"],
        "flops": ours.flops,
        "flops_per_second": ours.flops / step["median"],
        "share_of_matmul": ours.flops / step["median"] / peak,
        "step_bytes": ours.memory,
        "compile_seconds": ours.compile_seconds,
        "inference_seconds": {size: spread(times["cardiax"]) for size, times in infer.items()},
        "process_peak_bytes": peak_memory(),
    }
    if not options.no_start:
        result["seconds_to_first_step"] = workload.seconds_to_first_step(config)
    if twin:
        inference = {size: pytorch_twin.compare(times) for size, times in infer.items()}
        compared = pytorch_twin.compare(train)
        at_peak = compared["seconds"][compared["best"]] * peak / ours.flops
        torch = {"step": compared, "ratio_at_peak": at_peak, "inference": inference}
        result |= {"losses": losses, "torch": torch}
    return result


def _compare(config: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Time the step and inference with and without a speedup, in alternation.

    A ratio is that of a pair of neighbouring blocks; above 1, the speedup makes the program faster.
    """
    import jax

    from cardiax.launch.timing import workload
    from cardiax.launch.timing.machine import alternate, spread
    from cardiax.nn.speedups import without

    def programs() -> dict[str, Any]:
        jax.clear_caches()
        ours = workload.prepare(config)
        runs = {"step": workload.training(ours)}
        for size in workload.SIZES:
            runs[f"inference_{size}"] = workload.inference(ours, size)
            runs[f"inference_{size}"](1)  # it is traced here
        return runs | {"text": ours.step.as_text()}

    usual = programs()
    with without(options.without):
        plain = programs()
    is_same = usual.pop("text") == plain.pop("text")
    result: dict[str, Any] = {"task": config.task, "model": config.model, "precision": config.precision}
    result |= {"without": options.without, "same_step": is_same}
    for name in usual if not is_same else ():
        times = alternate({"with": usual[name], "without": plain[name]}, options.blocks, options.seconds)
        ratios = [slow / fast for slow, fast in zip(times["without"], times["with"], strict=True)]
        result[name] = {"ratio": spread(ratios)} | {key: spread(values) for key, values in times.items()}
    return result


def _without_row(result: dict[str, Any]) -> str:
    row = f"{result['task']:<15}{result['model']:<26}"
    if result["same_step"]:
        return f"{row}the same program"

    def ratio(name: str) -> str:
        found = result[name]["ratio"]
        return f"{found['median']:>5.2f} ({found['lower']:.2f} … {found['upper']:.2f})"

    names = ("step", *(name for name in result if name.startswith("inference")))
    return f"{row}{1e3 * result['step']['with']['median']:>7.1f}  {'  '.join(map(ratio, names))}"


def _row(result: dict[str, Any]) -> str:
    step, inference = result["step_seconds"], result["inference_seconds"]
    quartiles = f"{1e3 * step['lower']:.1f} … {1e3 * step['upper']:.1f}"
    start = f"{result['seconds_to_first_step']:.1f}" if "seconds_to_first_step" in result else "–"
    return (
        f"{result['task']:<15}{result['model']:<26}{result['batch_size']:>5}{result['parameters']:>12,}"
        f"{1e3 * step['median']:>11.1f}  {quartiles:<15}{result['examples_per_second']:>12.0f}"
        f"{result['flops_per_second'] / 1e9:>9.1f}{result['share_of_matmul']:>9.0%}{result['step_bytes'] / 1e6:>9.0f}"
        f"{result['process_peak_bytes'] / 1e6:>12.0f}{result['compile_seconds']:>11.1f}{start:>9}"
        f"{1e3 * inference['1']['median']:>12.2f}{1e3 * inference['256']['median']:>14.1f}"
    )


def _peer_row(result: dict[str, Any]) -> str:
    step, inference = result["torch"]["step"], result["torch"]["inference"]
    compiled = f"{1e3 * step['seconds']['compile']:.1f}" if "compile" in step["seconds"] else "–"

    def ratio(compared: dict[str, Any]) -> str:
        spread = compared["ratio"]
        quartiles = f"{spread['lower']:.2f} … {spread['upper']:.2f}"
        return f"{spread['median']:>7.2f}  {quartiles:<13}"

    return (
        f"{result['task']:<15}{result['model']:<26}{result['batch_size']:>5}"
        f"{1e3 * result['step_seconds']['median']:>11.1f}{1e3 * step['seconds']['eager']:>12.1f}{compiled:>12}"
        f"{ratio(step)}{result['torch']['ratio_at_peak']:>7.2f}  {ratio(inference['1'])}  {ratio(inference['256'])}"
    )
