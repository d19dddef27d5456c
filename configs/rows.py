"""The ablations of PCSA-GAN and the systems that it is compared with, as rows of ``pcsa.py``.

``--config=configs/pcsa.py:unet``. A row overrides fields or whole groups of the base config. What each other system's
publication documents and what is assumed stands in the docstrings of its networks; data, budget, schedule and
evaluation are those of the base config.
"""

from pcsa_jax.experiment.rows import Chosen, Row, tuned_row

MS_SSIM_WEIGHT = 0.1  # of the (MS-)SSIM term where it is on
MS_SSIM_ALONE = 3.0  # where it has to do without L1; chosen on validation subjects, docs/decisions.md
GROUPS = {"group_features": 8}  # channels normalised together
PATCHES = {
    "features": (64, 128, 256, 512),  # channels of the layers; all but the last halve the volume
    "conditional": True,  # D sees the MRI too
    "negative_slope": 0.2,  # of the leaky ReLU
    **GROUPS,
}
ADAM = {"b1": 0.5, "b2": 0.999, "schedule": "constant", "gradient_clip": 0.0}
NOTHING = {"adversarial": 0.0, "l1": 0.0, "ssim": 0.0, "ms_ssim": 0.0, "cycle": 0.0}

ROWS = {
    "pcsa": Row(
        "nothing: the full model",
        "Figs. 3-5, Tables 1 and 2",
        {},
        {
            "data": "PCSA-GAN",
            "fig3": "PCSA-GAN",
            "table1": "4×4×4",
            "table2": "MAE + MS-SSIM loss",
            "table2_weights": "MAE + MS-SSIM loss",
            "fig5": "PCSA-GAN",
        },
    ),
    # What a user with data should train, see docs/decisions.md, "The recipe"; budget, folds and data are the base
    # config's, as for every row.
    "best": Row(
        "closed-form start (local ridge), range of its own, no discriminator: what to train on your own data",
        "added by us",
        {
            "recipe.channels": ("local_ridge", "mean_pet"),
            "recipe.anchor": "local_ridge",
            "recipe.deviations": True,
            "recipe.output_range": "own",
            "recipe.weight_average": 0.99,
            "loss": NOTHING | {"l1": 1.0, "ms_ssim": MS_SSIM_WEIGHT},
            "generator_optimizer": {
                "learning_rate": 5e-4,
                "b1": 0.9,
                "b2": 0.99,
                "schedule": "one_cycle",
                "gradient_clip": 1.0,
            },
        },
        {"data": "best", "fig5": "best"},
    ),
    "pca": Row("no self-attention", "Fig. 3", {"generator.attention_sizes": ()}, {"fig3": "PCA-GAN"}),
    "sa": Row(
        "plain 3x3x3 convolutions in place of pyramids with channel attention",
        "Fig. 3",
        {"generator.stages": (((3, 24),), ((3, 96),)), "generator.channel_attention": "none"},
        {"fig3": "SA-GAN"},
    ),
    "sa4": Row("nothing: another name of `pcsa`", "Table 1", {}),
    "sa16": Row(
        "self-attention on the 16^3 features", "Table 1", {"generator.attention_sizes": (16,)}, {"table1": "16×16×16"}
    ),
    "sa32": Row(
        "self-attention on the 32^3 features", "Table 1", {"generator.attention_sizes": (32,)}, {"table1": "32×32×32"}
    ),
    "adversarial": Row(
        "the adversarial loss alone",
        "Table 2",
        {"loss.l1": 0.0, "loss.ms_ssim": 0.0},
        {"table2": "Adversarial loss", "table2_weights": "Adversarial loss"},
    ),
    "mae": Row(
        "no MS-SSIM loss", "Table 2", {"loss.ms_ssim": 0.0}, {"table2": "MAE loss", "table2_weights": "MAE loss"}
    ),
    "ms_ssim": Row("no MAE loss", "Table 2", {"loss.l1": 0.0}, {"table2": "MS-SSIM loss"}),
    "ms_ssim_alone": Row(
        "no MAE loss, and an MS-SSIM weight of its own",
        "Table 2, the weight by us",
        {"loss.l1": 0.0, "loss.ms_ssim": MS_SSIM_ALONE},
        {"table2_weights": "MS-SSIM loss, own weight"},
    ),
    "mae_ssim": Row(
        "SSIM in place of MS-SSIM",
        "Table 2",
        {"loss.ssim": MS_SSIM_WEIGHT, "loss.ms_ssim": 0.0},
        {"table2": "MAE + SSIM loss", "table2_weights": "MAE + SSIM loss"},
    ),
    "mae_ms_ssim": Row("nothing: another name of `pcsa`", "Table 2", {}),
    # Classic cGAN with a U-Net and PatchGAN; adversarial : L1 = 1 : 100 as in pix2pix.
    "cgan_unet": Row(
        "another system, after what is public of it: 3-D cGAN with a U-Net",
        "Fig. 5",
        {
            "system": "cgan_unet",
            "generator": {
                "features": (64, 128, 256, 512),  # channels of the strided layers
                "decoder_features": (256, 256, 192, 128),  # channels of the decoder's, from the coarsest
                "last_features": 64,  # channels before the output layer
                **GROUPS,
            },
            "discriminator": PATCHES,
            "loss": NOTHING | {"adversarial": 0.01, "l1": 1.0},
            "generator_optimizer": {"learning_rate": 2e-4, **ADAM},
            "discriminator_optimizer": {"learning_rate": 2e-4, **ADAM},
        },
        {"fig5": "cGAN + U-Net"},
    ),
    # Hybrid GAN: two generators, two discriminators; adversarial, cycle and voxel terms with weight 1 on volumes in
    # [-1, 1], where a difference is twice that in [0, 1].
    "hgan": Row(
        "another system, after what is public of it: HGAN",
        "Fig. 5",
        {
            "system": "hgan",
            "generator": {
                "features": 16,  # channels of the first layer, doubled by each strided one
                "strided": 2,  # strided layers
                "blocks": 3,  # residual blocks
                "kernel_size": 7,  # voxels, of the first and last layer
                **GROUPS,
            },
            "discriminator": {"features": (32, 64, 128, 256), "negative_slope": 0.2, **GROUPS},
            "loss": NOTHING | {"adversarial": 1.0, "l1": 2.0, "cycle": 2.0},
            "adversarial_form": "absolute",
            "generator_optimizer": {"learning_rate": 2e-4, **ADAM},
            "discriminator_optimizer": {"learning_rate": 2e-4, **ADAM},
        },
        {"fig5": "HGAN"},
    ),
    # GLA-GAN-like: a global and a local path; the weights of its loss are not published, these are the base config's.
    "gla_gan": Row(
        "another system, after what is public of it: GLA-GAN-like",
        "Fig. 5",
        {
            "system": "gla_gan",
            "generator": {
                "global_features": (16, 32, 64, 128, 256),  # channels of each level on the whole volume
                "local_features": (16, 32, 64, 128),  # the same on the octants
                **GROUPS,
            },
            "discriminator": PATCHES,
        },
        {"fig5": "GLA-GAN-like"},
    ),
    # Not in the paper: the plain 3-D U-Net with L1 alone. Its discriminator takes no part.
    "unet": Row(
        "a plain 3-D U-Net with L1 alone: the honest opponent",
        "Fig. 5, added by us",
        {
            "system": "unet",
            "generator": {"features": (16, 32, 64, 128, 256), **GROUPS},  # channels of each level
            "discriminator": PATCHES | {"features": (8,)},
            "loss": NOTHING | {"l1": 1.0},
        },
        {"fig5": "U-Net, L1 only"},
    ),
}
"""The one place to add a row; the tables of ``reproduce`` show it where its labels say."""

CHOSEN = {
    "pcsa": Chosen(0.002, "one_cycle", 0.01),
    "cgan_unet": Chosen(0.002, "one_cycle", 0.01),
    "hgan": Chosen(0.0005, "one_cycle", 0.1),
    "gla_gan": Chosen(0.002, "one_cycle", 0.001),
    "unet": Chosen(0.004, "one_cycle", 0.0),
}
"""Row of Fig. 5 -> the best of its seven trials on validation subjects: ``benchmarks/results/tuning.json``."""

ROWS |= {
    f"{name}_tuned": tuned_row(name, ROWS[name], chosen, target="fig5", paper="Fig. 5")
    for name, chosen in CHOSEN.items()
}

NARROW = {
    "unet": {"generator": {"features": (12, 24, 48, 96, 192)}},
    "cgan_unet": {
        "generator": {"features": (32, 64, 128, 256), "decoder_features": (128, 128, 96, 64), "last_features": 32},
        "discriminator": {"features": (16, 32, 64, 128)},
    },
    "hgan": {"discriminator": {"features": (16, 32, 64, 128)}},
    "gla_gan": {
        "generator": {"global_features": (8, 16, 32, 64, 128), "local_features": (8, 16, 32, 64)},
        "discriminator": {"features": (16, 32, 64, 128)},
    },
}
"""Row -> widths for the demo's 32^3: about the parameters of ``pcsa``, or fewer where a step would cost much more."""
NARROW |= {f"{name}_tuned": NARROW[name] for name in CHOSEN if name in NARROW}

TUNED = {"best": {"generator_optimizer": {"learning_rate": 5e-4}}} | {
    f"{name}_tuned": {"generator_optimizer": {"learning_rate": own.learning_rate, "schedule": own.schedule}}
    for name, own in CHOSEN.items()
}
"""Row -> what the demo, which gives all rows one optimiser, sets after that."""
