"""A cluster of one machine for the documents' batch scripts: what sbatch, srun, scontrol and apptainer do of them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

OPTIONS = {
    "job-name", "nodes", "ntasks-per-node", "gpus-per-node", "cpus-per-task", "time", "signal", "requeue", "open-mode",
    "output",
}  # fmt: skip
"""Of sbatch, as far as the documents use them; another is refused as sbatch refuses a misspelt one."""

TIME_IS_UP, SIGNAL, PLACE = "STAND_IN_TIME_IS_UP", "STAND_IN_SIGNAL", "STAND_IN_PLACE"
"""Variables: a path whose coming is the end of the job's time, what srun's tasks get then, where notes are kept."""

LONGEST_S = 120


def install(folder: Path, *, time_is_up: Path | None = None) -> dict[str, str]:
    """Writes the commands into ``folder``; returns the environment in which a shell finds them first."""
    folder.mkdir()
    for command in (sbatch, srun, scontrol, apptainer):
        path = folder / command.__name__
        path.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            f"from tests.slurm import {command.__name__}\nsys.exit({command.__name__}(sys.argv[1:]))\n"
        )
        path.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return os.environ | {"PATH": path, PLACE: str(folder), TIME_IS_UP: str(time_is_up or "")}


def batch_script(page: str) -> str:
    """The one batch script of a page of ``docs/``, as it stands there."""
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)
    return script


def sbatch(words: list[str]) -> int | str:
    """Runs a batch script here and now, and again where it asked for that; what the command line says goes first."""
    *given, script = words
    directives = re.findall(r"^#SBATCH (\S+)$", Path(script).read_text(), flags=re.MULTILINE)
    options = {}
    for word in [*directives, *given]:
        name, _, value = word.removeprefix("--").partition("=")
        if name not in OPTIONS:
            return f"sbatch: error: unrecognized option '{word}'"
        options[name] = value
    nodes, each = int(options.get("nodes", 1)), int(options.get("ntasks-per-node", 1))
    number = str(_job_with_a_free_port())
    job = {
        "SLURM_JOB_ID": number, "SLURM_SUBMIT_DIR": os.getcwd(), "SLURM_JOB_NUM_NODES": str(nodes),
        "SLURM_NTASKS": str(nodes * each), SIGNAL: options.get("signal", "").partition("@")[0],
    }  # fmt: skip
    while True:
        mode = "a" if options.get("open-mode") == "append" else "w"
        with Path(options["output"].replace("%j", number)).open(mode) as log:
            status = subprocess.run(
                ["bash", script], env=os.environ | job, stdout=log, stderr=log, check=False
            ).returncode
        requeued = Path(os.environ[PLACE], f"requeued-{number}")
        if not requeued.exists():
            return status
        if "requeue" not in options:
            return "scontrol: error: requeue: the job may not be requeued"
        requeued.unlink()
        job |= {"SLURM_RESTART_COUNT": "1", SIGNAL: ""}  # this time it is done before its time is up


def _job_with_a_free_port() -> int:
    """jax makes its port of the job's number."""
    for number in range(os.getpid(), os.getpid() + 100):
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", number % 2**12 + 65536 - 2**12)):
                return number
    raise AssertionError("no free port")


def srun(words: list[str]) -> int:
    """Starts the tasks of a step side by side, passes the signal of ``--signal`` on, returns their highest status."""
    num_tasks, num_nodes = int(os.environ["SLURM_NTASKS"]), int(os.environ["SLURM_JOB_NUM_NODES"])
    step = {
        "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_NUM_TASKS": str(num_tasks),
        "SLURM_STEP_NUM_NODES": str(num_nodes),
    }  # fmt: skip
    tasks = []
    for rank in range(num_tasks):
        place = {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank % (num_tasks // num_nodes))}
        tasks.append(subprocess.Popen(words, env=os.environ | step | place))
    wish, time_is_up, deadline = os.environ[SIGNAL], os.environ[TIME_IS_UP], time.monotonic() + LONGEST_S
    while any(task.poll() is None for task in tasks):
        if wish and time_is_up and Path(time_is_up).exists():
            for task in tasks:
                task.send_signal(getattr(signal, f"SIG{wish}"))
            wish = ""
        if time.monotonic() > deadline:
            for task in tasks:
                task.kill()
        time.sleep(0.05)
    return max(task.returncode if task.returncode >= 0 else 128 - task.returncode for task in tasks)


def scontrol(words: list[str]) -> int | str:
    """``scontrol requeue JOB``."""
    verb, number = words
    if verb != "requeue" or number != os.environ["SLURM_JOB_ID"]:
        return f"scontrol: error: {' '.join(words)}"
    Path(os.environ[PLACE], f"requeued-{number}").touch()
    return 0


def apptainer(words: list[str]) -> str:
    """``apptainer exec``: checks image and mounts, notes what it was told, and becomes the command."""
    verb, *rest = words
    options = {"nv": False}
    while rest[0].startswith("--"):
        name = rest.pop(0).removeprefix("--")
        options[name] = True if name == "nv" else rest.pop(0)
    image, *command = rest
    if verb != "exec" or not Path(image).is_file():
        return f"FATAL:   could not open image {image}"
    for bind in options["bind"].split(","):
        if not Path(bind.split(":")[0]).is_dir():
            return f"FATAL:   container creation failed: mount {bind} error: no such file or directory"
    with Path(os.environ[PLACE], "apptainer.jsonl").open("a") as notes:
        notes.write(json.dumps(options) + "\n")
    os.execvp(command[0], command)
