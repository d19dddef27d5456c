"""Train the rows of a table or figure of the paper under one protocol, evaluate them, and make it.

Examples:
  python -m pcsa_jax reproduce fig3 --config=configs/demo.py --folds=3 --out=results/demo     a first look
  python -m pcsa_jax reproduce all --plan --out=results/paper                                 what it would run and cost
  python -m pcsa_jax reproduce table2 --cohort=/data/cohort --seeds=3 --out=results/table2      your own cohort

A run is an ordinary run folder: OUT/runs/ROW/seedS/foldF. Tables, figures and a page go to OUT/ROWSET. All trainings
come before the first look at a test subject. The same command goes on where it was stopped; finished runs are left as
they are. docs/reproduction.md has the protocol and what a full run costs.
"""

import argparse

from pcsa_jax.machine.home import user_path
from pcsa_jax.studies.reproduction.rowsets import ALL, TARGETS


def epilog() -> str:
    width = max(map(len, TARGETS)) + 2
    lines = [f"  {name:<{width}}{target.summary} ({target.paper})" for name, target in TARGETS.items()]
    shared = f"  {ALL:<{width}}each of these but data; a row that several share is trained once"
    return "\n".join(["ROWSET is one of", *lines, shared])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rowset", metavar="ROWSET", help="what to reproduce, see below")
    parser.add_argument(
        "--out", required=True, type=user_path, metavar="DIR", help="folder of runs, tables and figures"
    )
    parser.add_argument("--config", default="pcsa", metavar="CONFIG", help="of the rows: a config file or name (pcsa)")
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="folds by participant, all are run (5)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="trainings of each row and fold (1)")
    parser.add_argument(
        "--cohort", "--data", type=user_path, metavar="PATH",
        help="folder or manifest (the config's: a phantom); --data is the former spelling",
    )  # fmt: skip
    parser.add_argument(
        "--participants",
        type=user_path,
        metavar="FILE",
        help="its participants.tsv, or the folder of it, if not in PATH",
    )
    parser.add_argument(
        "--classifier-config", default="", metavar="CONFIG[:ROW]",
        help="of table3 (classifier.py beside CONFIG; its row demo for demo)",
    )  # fmt: skip
    parser.add_argument(
        "--plan", action="store_true", help="print what would be run and what it costs, write nothing, and stop"
    )
    parser.add_argument(
        "--no-measure", action="store_true", help="with --plan: time no training steps (seconds to minutes a row)"
    )
    parser.add_argument_group("config fields").add_argument(
        "--config.FIELD=VALUE", action="store_true", help="override a field in every row, e.g. --config.num_epochs=100"
    )


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.errors import UserError

    if arguments.no_measure and not arguments.plan:
        raise UserError("--no-measure: expected --plan beside it, found none. Without --plan nothing is timed.")
    return pcsa_jax.reproduce(
        arguments.rowset, arguments.out, config=arguments.config, folds=arguments.folds, seeds=arguments.seeds,
        cohort=arguments.cohort, participants=arguments.participants, overrides=arguments.overrides,
        classifier_config=arguments.classifier_config, only_plan=arguments.plan, measure=not arguments.no_measure,
    )  # fmt: skip
