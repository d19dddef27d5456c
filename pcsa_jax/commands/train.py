"""Train PCSA-GAN, or resume the run in WORKDIR.

Examples:
  python train.py --config=configs/demo.py --workdir=runs/demo          a few minutes on two CPU cores
  python train.py --config=configs/pcsa.py --workdir=runs/pcsa          the paper's recipe, on the built-in cohort
  python train.py --config=configs/pcsa.py:sa16 --workdir=runs/sa16     a row of the ablation tables
  python train.py --config=configs/pcsa.py --workdir=runs/mine --cohort=/data/cohort --config.batch_size=8

All GPUs of a machine share the work. So do the processes that srun or mpirun starts, or that are given
  --coordinator=HOST:PORT --num-processes=N --process-id=I
by hand; docs/clusters.md has an example for SLURM.

The same command resumes a run that was stopped. configs/pcsa.py lists every field with its unit.
Ctrl-C, SIGTERM or a closed terminal (SIGHUP) saves after the current step and exits with status 130, 143 or 129.
"""

import argparse

from pcsa_jax.commands.rows import rows_help
from pcsa_jax.machine.garbage import seldom_collected
from pcsa_jax.machine.home import user_path


def epilog() -> str:
    return rows_help("pcsa")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", required=True, metavar="CONFIG[:ROW]", help="config file or name (pcsa), ablation row"
    )
    parser.add_argument("--workdir", required=True, type=user_path, metavar="DIR", help="folder of the run")
    parser.add_argument("--cohort", metavar="PATH", help="folder or manifest (the config's data.root: a phantom)")
    parser.add_argument(
        "--participants", metavar="FILE", help="its participants.tsv, or the folder of it, if it is not in PATH"
    )
    several = parser.add_argument_group("several processes (docs/clusters.md; srun and mpirun need none of these)")
    several.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 runs, and a free port there")
    several.add_argument("--num-processes", type=int, metavar="N", help="how many processes there are")
    several.add_argument("--process-id", type=int, metavar="I", help="which one this is, from 0")
    parser.add_argument_group("config fields").add_argument(
        "--config.FIELD=VALUE", action="store_true", help="override a field, e.g. --config.num_epochs=100"
    )


@seldom_collected()
def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax

    outcome = pcsa_jax.train(
        arguments.config, arguments.workdir, cohort=arguments.cohort, participants=arguments.participants,
        overrides=arguments.overrides, coordinator=arguments.coordinator, num_processes=arguments.num_processes,
        process_id=arguments.process_id,
    )  # fmt: skip
    return 0 if outcome.signal_number is None else 128 + outcome.signal_number
