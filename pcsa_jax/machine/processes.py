"""Several processes as one training: how they find each other, agree on a value, and end together after an error."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import console

T = TypeVar("T")

TIMEOUT_S = 60
"""Seconds after which a process that went silent is given up and the others abort (status 134)."""


class Launch(NamedTuple):
    """The place of one process among several.

    Attributes:
      coordinator: ``HOST:PORT`` of process 0; None if jax finds it in what the launcher left in the environment.
      num_processes, process_id: how many there are, and which one this is, from 0.
      launcher: jax's name of the launcher, or "deactivate".
      all_devices: the process uses every device that it sees; else the one of its rank on the machine.
    """

    coordinator: str | None
    num_processes: int
    process_id: int
    launcher: str = "deactivate"
    all_devices: bool = True


def find_launch(
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    environment: Mapping[str, str] = os.environ,
) -> Launch | None:
    """The place of the process from the flags, else from Open MPI's or SLURM's environment; None for a process alone.

    Raises:
      UserError: if the flags are not complete or contradict each other.
    """
    launched = _launched(environment)
    if coordinator is None and num_processes is None and process_id is None:
        if launched and launched.launcher == "ompi" and "OMPI_MCA_orte_hnp_uri" not in environment:
            raise UserError(
                "mpirun: expected the address of process 0 in OMPI_MCA_orte_hnp_uri, found none (Open MPI 5 has no "
                "such variable). Add --coordinator=HOST:PORT, the first machine's name and a free port."
            )
        return launched
    if launched and num_processes is None and process_id is None:
        num_processes, process_id = launched.num_processes, launched.process_id
    given = {"--coordinator": coordinator, "--num-processes": num_processes, "--process-id": process_id}
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise UserError(
            f"{', '.join(given)}: expected all three, found no {' and no '.join(missing)}. Give them to every process."
        )
    if not coordinator.rpartition(":")[0] or not coordinator.rpartition(":")[2].isdigit():
        raise UserError(f"--coordinator: expected HOST:PORT, found {coordinator}. Name process 0's machine.")
    if not 0 <= process_id < num_processes:
        raise UserError(
            f"--process-id: expected 0 to {num_processes - 1} (--num-processes={num_processes}), found {process_id}. "
            "Number the processes from 0."
        )
    found = launched._replace(coordinator=coordinator) if launched else Launch(coordinator, num_processes, process_id)
    return found._replace(num_processes=num_processes, process_id=process_id) if num_processes > 1 else None


def _launched(environment: Mapping[str, str]) -> Launch | None:
    def number(name: str) -> int:
        return int(environment.get(name, "1"))

    # A GPU that only this process sees is its own, whatever its rank on the machine.
    one_device = len(environment.get("CUDA_VISIBLE_DEVICES", ",").split(",")) == 1
    # mpirun inside a SLURM job starts its daemons with srun, whose variables then describe them: Open MPI goes first.
    if number("OMPI_COMM_WORLD_SIZE") > 1:
        alone = number("OMPI_COMM_WORLD_LOCAL_SIZE") == 1
        rank = int(environment["OMPI_COMM_WORLD_RANK"])
        return Launch(None, number("OMPI_COMM_WORLD_SIZE"), rank, "ompi", alone or one_device)
    # The variables of a step, not of the job: a command in a batch script without srun is a process alone.
    if number("SLURM_STEP_NUM_TASKS") > 1:
        alone = number("SLURM_STEP_NUM_TASKS") == number("SLURM_STEP_NUM_NODES")
        own = alone or one_device or "SLURM_GPUS_PER_TASK" in environment
        return Launch(None, number("SLURM_STEP_NUM_TASKS"), int(environment["SLURM_PROCID"]), "slurm", own)
    return None


def start_processes(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins this process to the others, if there are any. Must come before anything that touches jax's devices.

    Raises:
      UserError: if the flags are wrong or the others cannot be reached.
    """
    launch = find_launch(coordinator, num_processes, process_id)
    if launch is None:
        return
    console.quiet = launch.process_id != 0
    # Its handler would swallow a SIGTERM outside the loop; the loop has its own (machine/interruption.py).
    jax.config.update("jax_enable_preemption_service", False)
    # None leaves the choice to jax (or to JAX_LOCAL_DEVICE_IDS): the device of the process's rank on the machine.
    local_device_ids = [] if launch.all_devices and "JAX_LOCAL_DEVICE_IDS" not in os.environ else None
    try:
        jax.distributed.initialize(
            launch.coordinator, launch.num_processes, launch.process_id, local_device_ids=local_device_ids,
            cluster_detection_method=launch.launcher, heartbeat_timeout_seconds=TIMEOUT_S,
            shutdown_timeout_seconds=TIMEOUT_S,
        )  # fmt: skip
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"process {launch.process_id} of {launch.num_processes}: expected to reach the others at "
            f"{launch.coordinator or 'the address from ' + launch.launcher}, found {reason}. See docs/clusters.md."
        ) from error


def is_main() -> bool:
    """True in the one process that writes files and talks to the terminal."""
    return jax.process_index() == 0


def on_main(work: Callable[[], T]) -> T:
    """Runs ``work`` in process 0 while the others wait; returns its result, JSON values, in all of them.

    Raises:
      UserError: in process 0, if ``work`` does; the others then exit with status 1.
    """
    if jax.process_count() == 1:
        return work()
    value, error = _attempt(work) if is_main() else (None, None)
    value, message = _broadcast([value, error and str(error)], source=0)
    if message is not None:
        raise error or SystemExit(1)
    return value


def together(work: Callable[[], T]) -> T:
    """Runs ``work`` in every process and goes on only if it succeeded in all; the result may be any object.

    Raises:
      UserError: in process 0, if ``work`` raises one in any process; the others then exit with status 1.
    """
    if jax.process_count() == 1:
        return work()
    value, error = _attempt(work)
    failed = multihost_utils.process_allgather(np.asarray(error is not None))
    if failed.any():
        source = int(failed.argmax())
        message = _broadcast(error and str(error), source=source)
        raise UserError(message if source == 0 else f"process {source}: {message}") if is_main() else SystemExit(1)
    return value


def from_main(tree: Any) -> Any:
    """Host arrays as process 0 has them; the others give arrays of the same shapes and types."""
    if jax.process_count() == 1:
        return tree
    # As bytes: the exchange is a sum over processes, which would turn -0 into 0.
    coded = jax.tree.map(lambda array: np.ascontiguousarray(array).reshape(-1).view(np.uint8), tree)
    sent = multihost_utils.broadcast_one_to_all(coded)
    return jax.tree.map(lambda code, like: np.array(code).view(like.dtype).reshape(like.shape), sent, tree)


def largest(number: int) -> int:
    """The largest of all processes' numbers."""
    return number if jax.process_count() == 1 else int(multihost_utils.process_allgather(np.asarray(number)).max())


def _attempt(work: Callable[[], T]) -> tuple[T | None, UserError | None]:
    try:
        return work(), None
    except UserError as error:
        return None, error


def _broadcast(value: Any, *, source: int) -> Any:
    """A JSON value of process ``source``."""
    is_source = jax.process_index() == source
    code = np.frombuffer(json.dumps(value).encode() if is_source else b"", np.uint8)
    length = multihost_utils.broadcast_one_to_all(np.asarray(len(code), np.int32), is_source=is_source)
    code = multihost_utils.broadcast_one_to_all(code if is_source else np.zeros(length, np.uint8), is_source=is_source)
    return json.loads(np.asarray(code).tobytes())
