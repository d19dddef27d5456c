"""One program in a process of its own, timed call by call on request.

Two frameworks in one process fight over cores and memory; one after the other in two processes, each meets another
machine, whose clock and load drift. So every contender is a process that prepares itself, then sleeps until it is told
to run once, and the parent lets them take turns.

``python -m benchmarks.contender MODULE:FUNCTION OPTIONS`` is the child's side: FUNCTION(**OPTIONS) returns a
:class:`Program`; one line of JSON on stdout says that it is ready (after one call to warm up), then each line on
stdin asks for one timed call.
"""

import contextlib
import importlib
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Program(NamedTuple):
    """What is timed.

    Attributes:
      call: runs once and waits for the result; a dict that it returns holds numbers to report.
      facts: numbers known beforehand, such as the time to compile.
    """

    call: Callable[[], Any]
    facts: dict[str, Any]


class ContenderError(Exception):
    """A contender could not take part; the text says why."""


class Contender:
    """The parent's side; a context manager that ends the child.

    Args:
      target: ``MODULE:FUNCTION``.
      options: the function's keyword arguments, plain JSON values.
      timeout_s: how long it may take to get ready.
    """

    def __init__(self, target: str, options: dict[str, Any], *, timeout_s: float = 300):
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        # Compile times are to be real, and no contender is to take the accelerator's memory before it needs it.
        inherited = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
        inherited["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        # Its notice would stand last, in the place of the error.
        inherited["JAX_TRACEBACK_FILTERING"] = "off"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.contender", target, json.dumps(options)], cwd=ROOT, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=inherited,
        )  # fmt: skip
        self._buffer = b""
        self.facts: dict[str, Any] = self._answer(timeout_s)

    def __enter__(self) -> "Contender":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            stream.close()

    def run(self, timeout_s: float = 600) -> dict[str, Any]:
        """One call; its ``seconds`` and whatever the program reports.

        Raises:
          ContenderError: if the child ended or took too long.
        """
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"run\n")
        return self._answer(timeout_s)

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                self.close()
                raise ContenderError(f"not ready within {timeout_s:.0f} s")
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                self._process.wait()
                self._errors.seek(0)
                lines = self._errors.read().decode(errors="replace").strip().splitlines() or ["ended without a word"]
                self.close()
                raise ContenderError(lines[-1][:300])
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)


def main() -> None:
    # Whatever the frameworks print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Line by line, so that an error that ends this process comes last.
    sys.stdout.reconfigure(line_buffering=True)
    target, options = sys.argv[1:]
    module, function = target.split(":")
    program = getattr(importlib.import_module(module), function)(**json.loads(options))
    start = time.perf_counter()
    program.call()
    print(json.dumps(program.facts | {"first_call_s": time.perf_counter() - start}), file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        found = program.call()
        answer = {"seconds": time.perf_counter() - start}
        answer["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        if isinstance(found, dict):
            answer |= {name: value for name, value in found.items() if isinstance(value, int | float)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
