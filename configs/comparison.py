"""The systems that PCSA-GAN is compared with (Fig. 5), as rows of ``pcsa.py``: ``--config=configs/pcsa.py:unet``.

A row replaces whole groups of fields. What each system's publication documents and what is assumed stands in the
docstrings of its networks; data, budget, schedule and evaluation are those of the base config.
"""

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
    # Not in the paper: the plain 3-D U-Net with L1 alone. Its discriminator takes no part.
    "unet": {
        "system": "unet",
        "generator": {"features": (16, 32, 64, 128, 256), **GROUPS},  # channels of each level
        "discriminator": PATCHES | {"features": (8,)},
        "loss": NOTHING | {"l1": 1.0},
    },
    # Classic cGAN with a U-Net and PatchGAN; adversarial : L1 = 1 : 100 as in pix2pix.
    "cgan_unet": {
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
    # Hybrid GAN: two generators, two discriminators; adversarial, cycle and voxel terms with weight 1 on volumes in
    # [-1, 1], where a difference is twice that in [0, 1].
    "hgan": {
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
    # GLA-GAN-like: a global and a local path; the weights of its loss are not published, these are the base config's.
    "gla_gan": {
        "system": "gla_gan",
        "generator": {
            "global_features": (16, 32, 64, 128, 256),  # channels of each level on the whole volume
            "local_features": (16, 32, 64, 128),  # the same on the octants
            **GROUPS,
        },
        "discriminator": PATCHES,
    },
}
"""Row -> what replaces fields and groups of the base config."""

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
