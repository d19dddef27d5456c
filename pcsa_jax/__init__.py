"""PCSA-GAN in JAX: FDG-PET from structural MRI (arXiv 2411.17420)."""

__version__ = "0.1.0"
