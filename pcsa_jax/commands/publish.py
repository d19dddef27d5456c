"""Write trained runs as a published model: a folder that others use, with or without this software.

It holds model.safetensors, config.json, README.md (a model card), metadata.json (as MONAI has it), preview.png (of a
phantom, never of a person), model.stablehlo (the program) and pet.py, which runs that with jax and safetensors only.

Examples:
  python -m pcsa_jax publish --workdir=runs/demo --out=published/demo
  python -m pcsa_jax publish --workdir=runs/mine --out=published/mine --license=cc-by-nc-4.0 --authors="A. Nobody"
  python -m pcsa_jax publish --workdir=runs/fold0 --workdir=runs/fold1 --out=published/folds

In Python:
  import pcsa_jax
  pet = pcsa_jax.load_generator("published/demo")(mri)
"""

import argparse

from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workdir", required=True, type=user_path, action="append", metavar="DIR",
        help="folder of a trained and evaluated run; several (folds, seeds) are published as their mean",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=user_path, metavar="DIR", help="folder to write; must not exist")
    parser.add_argument("--name", default="", help="of the model (default: the folder's name)")
    parser.add_argument(
        "--license", default="", metavar="ID",
        help="of the weights, as Hugging Face lists them, such as cc-by-nc-4.0; needed unless trained on a phantom",
    )  # fmt: skip
    parser.add_argument("--authors", default="", help="who publishes it")
    parser.add_argument(
        "--calibration", type=user_path, metavar="FILE", help="of several runs: what calibrate has made of them"
    )
    parser.add_argument(
        "--checkpoint", choices=("best", "latest"), default="best", help="best on validation data (default) or latest"
    )
    parser.add_argument("--unscored", action="store_true", help="publish without scores; the card says so")
    parser.add_argument("--without-program", action="store_true", help="leave model.stablehlo and pet.py out")


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.machine.progress import console

    made = pcsa_jax.publish(
        arguments.workdir, arguments.out, name=arguments.name, licence=arguments.license, authors=arguments.authors,
        calibration=arguments.calibration, checkpoint=arguments.checkpoint, unscored=arguments.unscored,
        without_program=arguments.without_program,
    )  # fmt: skip
    size_mb = sum(path.stat().st_size for path in made.folder.iterdir()) / 1e6
    console.print(f"Wrote {made.folder} ({size_mb:.1f} MB, SHA-256 {made.card['sha256'][:12]})")
    console.print("Read its README.md before others do")
    if made.program is not None:
        worst = max(made.program["checked"]["largest_differences"])
        same = "to the last bit" if worst == 0 else f"to {worst:.1g}"
        console.print(
            f"Its program gives the generator's PET {same} here; later jax has to read it until "
            f"{made.program['readable_until']}, model.safetensors does not expire"
        )
    notice = made.card.get("notice") or made.card.get("members", [{}])[0].get("notice")
    if notice:
        console.print(notice)
    return 0
