"""Who the other processes are: from flags, from srun, from mpirun; nothing is started in vain."""

import jax
import numpy as np
import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.machine import processes
from pcsa_jax.machine.processes import Launch, find_launch, from_main, largest, on_main, start_processes, together

SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "node[01-02]", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "3", "SLURM_LOCALID": "1",
}  # fmt: skip
OPEN_MPI = {
    "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1:34911",
}  # fmt: skip
NO_FLAGS = (None, None, None)


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        (NO_FLAGS, {}, None),
        (("node1:1234", 2, 1), {}, Launch("node1:1234", 2, 1)),
        (("node1:1234", 1, 0), {}, None),
        (NO_FLAGS, SLURM, Launch(None, 4, 3, "slurm", all_devices=False)),
        # One task a node, or devices bound to the task by SLURM: all that the process sees are its own.
        (NO_FLAGS, SLURM | {"SLURM_STEP_NUM_NODES": "4"}, Launch(None, 4, 3, "slurm")),
        (NO_FLAGS, SLURM | {"SLURM_GPUS_PER_TASK": "1"}, Launch(None, 4, 3, "slurm")),
        (NO_FLAGS, SLURM | {"CUDA_VISIBLE_DEVICES": "3"}, Launch(None, 4, 3, "slurm")),
        (NO_FLAGS, SLURM | {"CUDA_VISIBLE_DEVICES": "0,1"}, Launch(None, 4, 3, "slurm", all_devices=False)),
        # A batch script without srun describes the job, not a step; srun of one task is a process alone.
        (NO_FLAGS, {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}, None),
        (NO_FLAGS, SLURM | {"SLURM_STEP_NUM_TASKS": "1"}, None),
        (NO_FLAGS, OPEN_MPI, Launch(None, 2, 1, "ompi", all_devices=False)),
        (NO_FLAGS, OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, Launch(None, 2, 1, "ompi")),
        (NO_FLAGS, SLURM | OPEN_MPI, Launch(None, 2, 1, "ompi", all_devices=False)),
        (("node1:1234", None, None), OPEN_MPI, Launch("node1:1234", 2, 1, "ompi", all_devices=False)),
    ],
)
def test_the_place_of_a_process(flags, environment, expected):
    assert find_launch(*flags, environment) == expected


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        (
            ("node1:1234", None, 1),
            {},
            "--coordinator, --num-processes, --process-id: expected all three, found no --num-processes. "
            "Give them to every process.",
        ),
        (
            (None, 2, None),
            {},
            "--coordinator, --num-processes, --process-id: expected all three, found no --coordinator and no "
            "--process-id. Give them to every process.",
        ),
        (("node1", 2, 0), {}, "--coordinator: expected HOST:PORT, found node1. Name process 0's machine."),
        (
            ("node1:1234", 2, 2),
            {},
            "--process-id: expected 0 to 1 (--num-processes=2), found 2. Number the processes from 0.",
        ),
        (
            NO_FLAGS,
            {name: value for name, value in OPEN_MPI.items() if "MCA" not in name},
            "mpirun: expected the address of process 0 in OMPI_MCA_orte_hnp_uri, found none (Open MPI 5 has no such "
            "variable). Add --coordinator=HOST:PORT, the first machine's name and a free port.",
        ),
    ],
)
def test_a_place_that_cannot_be_known_is_told(flags, environment, message):
    with pytest.raises(UserError) as caught:
        find_launch(*flags, environment)
    assert str(caught.value) == message


@pytest.fixture
def initialized(monkeypatch):
    """What jax.distributed.initialize is called with; the rest of the process stays as it is."""
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **kwargs: calls.append((args, kwargs)))
    monkeypatch.setattr(processes.console, "quiet", False)
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    return calls


def test_a_process_alone_starts_nothing(initialized):
    start_processes()
    assert initialized == []
    assert not processes.console.quiet


@pytest.mark.parametrize(("process_id", "quiet"), [(0, False), (1, True)])
def test_joining_the_others(initialized, process_id, quiet):
    start_processes("node1:1234", 2, process_id)
    ((args, kwargs),) = initialized
    assert args == ("node1:1234", 2, process_id)
    assert kwargs["cluster_detection_method"] == "deactivate" and kwargs["local_device_ids"] == []
    assert processes.console.quiet == quiet


def test_others_that_cannot_be_reached(initialized, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("DEADLINE_EXCEEDED:\n nobody there")

    monkeypatch.setattr(jax.distributed, "initialize", refuse)
    with pytest.raises(UserError) as caught:
        start_processes("node1:1234", 2, 0)
    assert str(caught.value) == (
        "process 0 of 2: expected to reach the others at node1:1234, found DEADLINE_EXCEEDED: nobody there. "
        "See docs/clusters.md."
    )


def test_a_process_alone_agrees_with_itself():
    assert on_main(lambda: (1, "a")) == (1, "a")
    assert together(lambda: [2]) == [2]
    assert largest(15) == 15
    tree = {"a": np.array([-0.0], np.float32)}
    assert from_main(tree) is tree
