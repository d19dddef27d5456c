"""``metadata.json`` as bundles of MONAI have it, for whoever looks for models by it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pcsa_jax import __version__
from pcsa_jax.data.synthetic_mark import INTENDED_USE


def describe_for_monai(
    card: Mapping[str, Any], *, name: str, authors: str, licence: str, made: str, num_members: int
) -> dict[str, Any]:
    """The description of a model.

    The keys are those of MONAI's bundle specification. The model itself is none of PyTorch's: ``model.safetensors`` is
    read by this software, ``model.stablehlo`` by jax; so the versions of MONAI and PyTorch, which the specification
    wants, are said not to be needed.

    Args:
      card: of the generator, or of the first of several.
      name: of the model.
      authors: who publishes it.
      licence: of the weights.
      made: date, ISO 8601.
      num_members: generators whose mean it is.
    """
    grid, pet, training = card["grid"], card["pet"], card["training"]
    size, packages = grid["shape"], card["environment"]["packages"]
    mean = f", the mean of {num_members} generators" if num_members > 1 else ""

    def volume(kind: str, modality: str, values: Sequence[float], what: str) -> dict[str, Any]:
        return {
            "type": "image", "format": kind, "modality": modality, "num_channels": 1, "spatial_shape": list(size),
            "dtype": "float32", "value_range": list(values), "is_patch_data": False, "channel_def": {"0": what},
        }  # fmt: skip

    return {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": "1.0.0",
        "changelog": {"1.0.0": f"published {made}"},
        "monai_version": "not needed",
        "pytorch_version": "not needed",
        "numpy_version": packages["numpy"],
        "required_packages_version": {
            "pcsa_jax": __version__, "jax": packages["jax"], "safetensors": "0.5", "nibabel": packages["nibabel"],
        },
        "supported_apps": {},
        "name": name,
        "task": "FDG-PET synthesis from structural MRI",
        "description": f"{card['system']}, row {training['row']}: grey-matter map (MNI152, {size[0]}^3) to the FDG-PET "
        f"of the same brain{mean}. {card['notice']}".strip(),
        "authors": authors,
        "copyright": f"{authors}, {made[:4]}",
        "license": licence,
        "data_source": training["cohort"],
        "data_type": "NIfTI",
        "image_classes": "single channel, grey-matter probability, smoothed to 8 mm FWHM, in MNI152 space",
        "pred_classes": f"single channel, synthetic FDG-PET: {pet['meaning']}",
        "intended_use": INTENDED_USE,
        "references": ["Mao et al. 2024, arXiv:2411.17420"],
        "network_data_format": {
            "inputs": {"image": volume("segmentation", "MR", (0, 1), "grey-matter probability")},
            "outputs": {"pred": volume("image", "PT", (0, 1), "synthetic FDG-PET")},
        },
    }  # fmt: skip
