"""Train the rows of a table or figure of the paper under one protocol, evaluate them, and make it.

ROWSET is one of
  fig3      modules: PCSA-GAN without self-attention, without pyramids (Figs. 3 and 4)
  table1    the size of the features on which self-attention acts
  table2    the terms of the loss
  fig5      other systems under the same protocol
  table3    AD against CN with synthetic PET (Table 3 and Fig. 6), on the generators of row pcsa
  disease   what the synthetic PET of row pcsa keeps of the disease
  all       each of these; a row that several share is trained once

Examples:
  python -m pcsa_jax reproduce fig3 --config=configs/demo.py --folds=3 --out=results/demo     a first look
  python -m pcsa_jax reproduce all --plan --out=results/paper                                 what it would run and cost
  python -m pcsa_jax reproduce table2 --data=/data/cohort --seeds=3 --out=results/table2      your own cohort

A run is an ordinary run folder: OUT/runs/ROW/seedS/foldF. Tables, figures and a page go to OUT/ROWSET. All trainings
come before the first look at a test subject. The same command goes on where it was stopped; finished runs are left as
they are. docs/reproduction.md has the protocol and what a full run costs.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rowset", metavar="ROWSET", help="what to reproduce, see above")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of runs, tables and figures")
    parser.add_argument(
        "--config", default="configs/pcsa.py", metavar="FILE", help="config file of the rows (configs/pcsa.py)"
    )
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="folds by participant, all are run (5)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="trainings of each row and fold (1)")
    parser.add_argument("--data", type=Path, metavar="COHORT", help="folder or manifest (the config's: a phantom)")
    parser.add_argument(
        "--participants", type=Path, metavar="FILE", help="its participants.tsv, or the folder of it, if not in COHORT"
    )
    parser.add_argument(
        "--classifier-config", default="", metavar="FILE[:ROW]",
        help="of table3 (classifier.py beside FILE; its row demo for demo.py)",
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
    from pcsa_jax.errors import UserError
    from pcsa_jax.studies.reproduction.plan import Request
    from pcsa_jax.studies.reproduction.reproduce import reproduce

    if arguments.no_measure and not arguments.plan:
        raise UserError("--no-measure: expected --plan beside it, found none. Without --plan nothing is timed.")
    given = {"data.root": arguments.data, "data.participants": arguments.participants}
    words = [f"--config.{name}={path}" for name, path in given.items() if path is not None]
    request = Request(
        arguments.rowset, arguments.config, (*arguments.overrides, *words), arguments.folds, arguments.seeds,
        arguments.out, arguments.classifier_config,
    )  # fmt: skip
    return reproduce(request, only_plan=arguments.plan, measure=not arguments.no_measure)
