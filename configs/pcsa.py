"""The paper's experiment and its ablation rows: ``--config=configs/pcsa.py`` or ``--config=configs/pcsa.py:ROW``."""

import importlib.util
import pathlib

from ml_collections import ConfigDict

from pcsa_jax.experiment.rows import apply_row

_spec = importlib.util.spec_from_file_location("rows", pathlib.Path(__file__).with_name("rows.py"))
rows = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rows)

ROWS = rows.ROWS


def get_config(row: str = "pcsa") -> ConfigDict:
    config = ConfigDict()
    config.row = row  # name in the tables
    config.system = "pcsa"  # networks: pcsa | unet | cgan_unet | hgan | gla_gan (configs/rows.py)
    config.seed = 0  # of parameters and data order
    config.precision = "float32"  # arithmetic of the networks: float32 | bfloat16
    config.batch_size = 16  # volumes a step; 4.2
    config.micro_batches = 1  # parts that a batch goes through the networks in, if it does not fit at once
    config.num_epochs = 1000  # passes over the training subjects; 4.2
    config.data = ConfigDict({
        "root": "",  # cohort folder or manifest; empty: the built-in cohort (a phantom)
        "participants": "",  # participants.tsv or its BIDS folder, if the cohort (a CAPS) has none
        "tracer": "",  # FDG: of the PET whose names and sidecars do not say it
        "diagnosis": "any",  # visit: a visit's own row alone gives it a diagnosis; any: or else the participant's
        "fwhm_mm": -1.0,  # what volumes have been smoothed with, mm, of which nobody says; -1: nobody knows
        "accept_suspicious": False,  # take the visits that quality.tsv of preprocess calls suspicious
        "pairs": 356,  # subjects of the built-in cohort with both modalities; 4.1
        "mri_only": 328,  # and without PET, for the classification test; 4.8
        "size": 64,  # voxels along each axis, a multiple of 16; 4.1
        "fold": 0,  # which fold is tested
        "num_folds": 5,  # folds by participant, stratified by diagnosis; open
        "split_seed": 0,  # of the folds; another one makes other folds
        "validation_fraction": 0.125,  # of the participants outside the test fold; open
        "train_subjects": 0,  # participants of the training part that are trained on, 0: all
        "one_grid": False,  # True: refuse volumes of one modality on different grids, not resample each by itself
        "normalisation": "minmax",  # of the PET: minmax (Eq. 13) | percentile | suvr (absolute)
        "reference_region": "pons",  # of suvr: pons | cerebellum; open
        "resident_gib": 4.0,  # GiB; larger cohorts stream from disk: 2048 pairs at 64^3 fit
    })  # fmt: skip
    config.generator = ConfigDict({
        "stages": (((7, 4), (5, 8), (3, 12)), ((5, 36), (3, 60))),  # (kernel size, channels) of each branch; 3.2
        "bottleneck_features": 192,  # channels; 3.2
        "residual_blocks": 1,  # at the bottleneck; 3.2
        "channel_attention": "sigmoid",  # softmax_sigmoid (Eqs. 3-4) | softmax | sigmoid | none; docs/decisions.md
        "reduction": 4,  # channels per hidden unit of the channel attention; open
        "attention_sizes": (4,),  # edges (voxels) of the features that self-attention acts on; Table 1
        "skip_sizes": (16, 32, 64),  # edges (voxels) of the decoder outputs that take in encoder features; open
        "transposed": False,  # True: transposed convolutions in place of trilinear + convolution; 3.2
        "output": "none",  # none | sigmoid | relu; open
    })  # fmt: skip
    config.discriminator = ConfigDict({
        "features": (24, 48, 96, 192),  # channels of the convolution-pooling layers; 3.3
        "conditional": True,  # D sees the MRI too; open
        "negative_slope": 0.2,  # of the leaky ReLU; open
    })  # fmt: skip
    # Eq. 12: weight of each term; the weights are open, L1 = 1 is the unit.
    config.loss = ConfigDict(
        {"adversarial": 0.01, "l1": 1.0, "ssim": 0.0, "ms_ssim": rows.MS_SSIM_WEIGHT, "cycle": 0.0}
    )
    config.adversarial_form = "bce"  # bce (non-saturating) | lsgan | hinge | absolute; 3.4.1
    config.ms_ssim_exponents = "raw"  # raw (as printed) | normalised (sum 1); 3.4.3
    # Not in the paper, and off in all of its rows; what each is worth: docs/decisions.md.
    config.recipe = ConfigDict({
        "channels": (),  # closed-form predictions that G sees beside the map: local_ridge | ridge | linear | mean_pet
        "deviations": False,  # and how it and the map differ from the training subjects' mean, in units of their SD
        "coordinates": False,  # and the place of each voxel
        "anchor": "none",  # the one of them to which G's output is added, starting at 0
        "num_folds": 5,  # a training subject's predictions come from people in other folds
        "output_range": "free",  # own: divided by its own peak, as minmax and percentile divide every PET
        "flip": 0.0,  # probability that a pair is mirrored left to right in training
        "views": 1,  # 2: mean over the volume and its mirror image, at validation and in use
        "loss_region": "volume",  # of the L1 term: volume | brain
        "weight_average": 0.0,  # decay of the moving average of G's weights, for validation and use; 0: none
    })  # fmt: skip
    adam = {"b1": 0.9, "b2": 0.999, "schedule": "constant", "gradient_clip": 0.0}  # 4.2; clip: global norm, 0 = off
    config.generator_optimizer = ConfigDict({"learning_rate": 1e-4, **adam})  # 4.2
    config.discriminator_optimizer = ConfigDict({"learning_rate": 4e-4, **adam})  # 4.2
    config.log_every_steps = 10  # steps between rows of metrics.jsonl
    config.evaluate_every_epochs = 10  # epochs between scores on the validation part
    config.checkpoint_every_epochs = 10  # epochs between checkpoints
    apply_row(config, ROWS, row)
    return config
