"""The command line. It imports only what --help needs; each command imports the rest when it runs."""

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from cardiax.config import RENAMED
from cardiax.errors import InputError, described, unknown
from cardiax.launch.system.compile_cache import keep_compiled_programs
from cardiax.launch.system.flags import import_modules
from cardiax.launch.system.memory import keep_memory
from cardiax.launch.system.quiet import quiet, quiet_threads
from cardiax.launch.system.shell_settings import own_settings, quiet_matplotlib, start_jax
from cardiax.launch.system.signals import handled

COMMANDS = {
    "train": "train a model on a task; the same command resumes an interrupted run",
    "sweep": "train models × protocols × grid × seeds and compare them in one table",
    "evaluate": "evaluate trained models from their run folders",
    "predict": "find and classify the beats of your own recordings, or predict the heart's activation or voltages",
    "report": "write one page that shows a run, a sweep or a prediction, and opens anywhere",
    "export": "write a trained network as a bundle for use elsewhere: weights, model card, StableHLO, ONNX",
    "prepare": "fetch or read a dataset and prepare it for training",
    "leakage": "show how much a score depends on the split: one network on Kaggle's split and by patient",
    "likeness": "compare the simulated hearts with the UCSD/LLNL dataset",
    "bench": "time training steps and inference; compare with PyTorch by --peer torch",
    "info": "show devices, versions, tasks, models and datasets",
}


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors as `InputError`; `typed` are the arguments of the command line."""

    typed: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Raise `InputError` for a mistake in the command."""
        raise InputError(f"{message} (see `{self.prog} --help`)")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Refuse an empty value, e.g. of an unset variable of the shell, where it would be taken for no value.

        The fields of an experiment and --import have a default that may be empty, and --data-dir says what it is then.
        """
        if not arg_string.strip() and action.default is None and action.dest != "data_dir":
            told = "give one or leave the flag out" if action.option_strings else "give one"
            raise argparse.ArgumentError(action, f"found an empty text, expected a value; {told}")
        return super()._get_value(action, arg_string)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: status 0 when done, 2 for a mistake in the command or its files, 1 otherwise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    keep_memory()
    own_settings()
    quiet_threads()
    try:
        with quiet_matplotlib():
            status = _run(list(sys.argv[1:] if arguments is None else arguments))
    except InputError as error:
        status = _fail(str(error))
    except BrokenPipeError:  # the reader of the output, e.g. `head`, has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt as interruption:
        told = str(interruption) or "run the same command again"
        print(f"cardiax: interrupted: {told}", file=sys.stderr)
        status = 1
    except OSError as error:
        if error.errno is None:
            raise
        status = _fail(described(error))
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    parser = Parser(prog="cardiax", description="Learn the heart from the electrocardiogram, in JAX.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    if not arguments or arguments[0] in ("-h", "--help"):
        parser.print_help()
        return 0
    if arguments[0] == "--version":
        print(importlib.import_module("cardiax").__version__)
        return 0
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    return run_command(arguments[0], arguments[1:])


def parse_command(name: str, arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments of one command with its module's `add_arguments`; its help ends with the module's examples.

    Raises `InputError` for a mistake in the arguments, e.g. an unknown flag.
    """
    module = importlib.import_module(f"cardiax.launch.{name}")
    description, _, examples = (module.__doc__ or "").partition("\nExamples:\n\n")
    parser = Parser(
        prog=f"cardiax {name}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.allow_abbrev = False
    parser.typed = arguments  # --help shows the defaults of the task in them
    module.add_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="print only warnings and errors")
    options, rest = parser.parse_known_args(arguments)
    if rest:
        if rest[0].startswith("-"):
            flags = {action.option_strings[0].lstrip("-") for action in parser._actions if action.option_strings}
            flag = rest[0].lstrip("-").partition("=")[0].replace("-", "_")
            if RENAMED.get(flag) in flags:
                raise InputError(f"found --{flag}, which was renamed to --{RENAMED[flag]}")
            raise unknown("flag", flag, flags - {"h"})
        raise InputError(f"found {rest[0]!r} after the last argument, expected nothing (see `cardiax {name} --help`)")
    return options


def run_command(name: str, arguments: list[str]) -> int:
    """Parse the arguments of one command, then call its module's `run`."""
    options = parse_command(name, arguments)
    distributed = getattr(options, "distributed", None)
    with _interruptible(is_alone=not distributed):
        import_modules(getattr(options, "imports", ""))
        shell = dict(os.environ)
        keep_compiled_programs()
        if name != "prepare" or options.dataset.startswith("simulated"):  # preparing files needs no device
            start_jax(shell, distributed)
        with quiet(options.quiet):
            return importlib.import_module(f"cardiax.launch.{name}").run(options) or 0


@contextlib.contextmanager
def _interruptible(is_alone: bool) -> Iterator[None]:
    """Let Ctrl-C and, of a command that `is_alone`, SIGTERM raise `KeyboardInterrupt` wherever they come.

    Where Python cannot raise it, e.g. in JAX's callback of the garbage collector, it is raised a moment later. One of
    several processes that train together ends at once at SIGTERM, since the others would wait for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    report = sys.unraisablehook

    def raise_later(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        else:
            report(unraisable)

    numbers = (signal.SIGALRM, signal.SIGTERM) if is_alone else (signal.SIGALRM,)
    with handled(signal.default_int_handler, *numbers):
        sys.unraisablehook = raise_later
        try:
            yield
        finally:
            sys.unraisablehook = report
            signal.setitimer(signal.ITIMER_REAL, 0)


def _fail(message: str) -> int:
    print(f"cardiax: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
