"""The commands of ``pcsa_jax``, and how a user's mistake ends one.

A command is a module with ``add_arguments(parser)`` and ``run(arguments) -> exit status``, and ``epilog()`` if its help
ends with what a table holds. It imports what is heavy inside ``run``, so that ``--help`` takes no longer than Python
itself.
"""

import argparse
import contextlib
import importlib
import re
import signal
import sys
from collections.abc import Callable, Sequence

from pcsa_jax import __version__
from pcsa_jax.commands.failures import describe_failure
from pcsa_jax.machine.interruption import stopping
from pcsa_jax.text import printable

COMMANDS = {
    "phantom": "write the built-in cohort (a phantom) to a folder",
    "preprocess": "raw T1w scans and FDG-PET (BIDS) to a cohort of GM maps and PET",
    "check": "read every file of a cohort to its end and list every problem",
    "describe": "print the networks of a config as a table",
    "train": "train, or resume a run (also: python train.py)",
    "evaluate": "tables, figures and report of a trained run (also: python evaluate.py)",
    "classify": "train classifiers of AD and CN with and without PET, and score them (Table 3)",
    "reproduce": "train, evaluate and present the rows of a table or figure of the paper",
    "calibrate": "fit what single images are judged by, to a run or to several together",
    "export": "write a trained generator as one portable file",
    "publish": "write trained runs as a folder that others use: model card, program for jax alone",
    "onnx": "write an exported generator as an ONNX file, for other software and browsers",
    "browser": "gather a static page that runs an ONNX file in a browser",
    "synthesize": "make PET of grey-matter maps or T1w scans with a trained generator",
}
"""Name -> what it does; the module of the same name in this package does it."""


def main(argv: Sequence[str] | None = None, *, prog: str = "pcsa_jax") -> int:
    """Runs one command line; returns the exit status.

    Args:
      argv: the words after the program's name; ``sys.argv[1:]`` if not given.
      prog: the program's name in ``--help``.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog=prog, description="PCSA-GAN in JAX: FDG-PET from structural MRI.",
        epilog=f"{prog} COMMAND --help shows a command's options and examples.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"pcsa_jax {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparsers.add_parser(name, help=_as_called(summary, prog), add_help=False, prefix_chars="\0")
    if not argv or argv[0] not in COMMANDS:
        parser.parse_args(argv)
    return run_command(argv[0], argv[1:], prog=f"{prog} {argv[0]}")


class _CommandParser(argparse.ArgumentParser):
    """Makes the epilog when help is asked for: it may have to be read from files."""

    make_epilog: Callable[[], str] | None = None

    def format_help(self) -> str:
        if self.make_epilog is not None:
            self.epilog = self.make_epilog()
        return super().format_help()


def make_parser(name: str, *, prog: str) -> argparse.ArgumentParser:
    """The options of the command ``name``; its help has examples, and the rows of a config where it takes one."""
    module = importlib.import_module(f"pcsa_jax.commands.{name}")
    parser = _CommandParser(
        prog=prog, description=_as_called(module.__doc__, prog), allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    module.add_arguments(parser)
    parser.make_epilog = getattr(module, "epilog", None)
    return parser


def run_command(name: str, argv: Sequence[str], *, prog: str) -> int:
    """Runs the command ``name``; returns the exit status.

    0: done. 1: a user's mistake, or a place or device that cannot be used, told in one line on stderr.
    2: wrong options. 128 + number: stopped by a signal (129, 130, 143), with nothing half written left behind.
    """
    parser = make_parser(name, prog=prog)
    try:
        with stopping():
            return importlib.import_module(f"pcsa_jax.commands.{name}").run(_parse(parser, argv))
    except KeyboardInterrupt as error:
        number = getattr(error, "signal_number", signal.SIGINT)
        _tell(f"{prog}: stopped" + ("" if number == signal.SIGINT else f" by {signal.Signals(number).name}"))
        return 128 + number
    except Exception as error:
        told = None if "--debug" in argv else describe_failure(error)
        if told is None:
            raise
        _tell(f"{prog}: error: {told}")
        return 1


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed must not change the exit status
        print(printable(line), file=sys.stderr, flush=True)


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """The options, and as ``overrides`` the words ``--config.FIELD=VALUE`` of a command that has a config."""
    arguments, rest = parser.parse_known_args(argv)
    overrides = [word for word in rest if word.startswith("--config.")]
    if len(overrides) < len(rest) or (rest and "config" not in arguments):
        unknown = next(word for word in rest if word not in overrides or "config" not in arguments)
        parser.error(f"{unknown}: unknown argument; --help lists them (values of config fields need =)")
    arguments.overrides = overrides
    return arguments


def _as_called(text: str, prog: str) -> str:
    """Help as ``prog`` shows it: an installed ``pcsa_jax`` has neither our scripts nor ``configs/`` beside it."""
    if prog.split()[0] != "pcsa_jax":
        return text
    text = re.sub(r" \(also: python \w+\.py\)", "", text)
    text = text.replace("python -m pcsa_jax", "pcsa_jax")
    text = re.sub(r"python (train|evaluate)\.py", r"pcsa_jax \1", text)
    return re.sub(r"--config=configs/(\w+)\.py", r"--config=\1", text)
