"""What the sidecar of a synthetic PET says."""

from typing import Any

from pcsa_jax import __version__
from pcsa_jax.data.finished_maps import VOXELS
from pcsa_jax.data.given_files import Input
from pcsa_jax.data.phantom_mark import SIDECAR_KEY, is_marked
from pcsa_jax.data.synthesis_inputs import Prepared
from pcsa_jax.data.synthetic_mark import INTENDED_USE
from pcsa_jax.data.synthetic_mark import SIDECAR_KEY as SYNTHETIC_KEY
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM
from pcsa_jax.synthesis.generators import Ensemble
from pcsa_jax.synthesis.reading_cards import scale_note


def describe_synthetic(source: Input, prepared: Prepared, ensemble: Ensemble, *, dataset: str) -> dict[str, Any]:
    """The sidecar, but for the hashes.

    Args:
      source: the input.
      prepared: what was made of it.
      ensemble: the generators.
      dataset: name of the input's data set in BIDS URIs; "" for a loose file.
    """
    scale = ensemble.scale
    several = f"the mean of {len(ensemble)} generators" if len(ensemble) > 1 else "one generator"
    is_phantom = is_marked(source.path)
    notices = [" The MRI is a PHANTOM's."] if is_phantom else []
    notices += [f" {TRAINED_ON_PHANTOM}"] if ensemble.is_phantom else []
    uri = f"bids:{dataset}:{source.source}" if dataset else source.source
    return {
        "Description": f"Synthetic FDG-PET: a guess from the grey matter of a structural MRI by PCSA-GAN, {several}."
        f"{''.join(notices)} {INTENDED_USE}",
        SYNTHETIC_KEY: True,
        SIDECAR_KEY: is_phantom,
        "IntendedUse": INTENDED_USE,
        "Sources": [uri],
        **({VOXELS: prepared.content_hash} if prepared.content_hash else {}),
        "SeenInTraining": ensemble.part_of(prepared.content_hash),
        "SkullStripped": False,
        "SpatialReference": uri if source.is_raw else source.entities["space"],
        "Resolution": prepared.own_grid.describe(),
        "TracerName": "FDG",
        "TracerRadionuclide": "F18",
        "Units": scale.unit,
        "UnitsDescription": scale.meaning + scale_note(scale),
        "Normalisation": {"MRI": ensemble.mri_normalisation, "PET": ensemble.pet_normalisation},
        "Harmonisation": list(prepared.steps),
        **({"Quality": dict(prepared.quality)} if prepared.quality else {}),
        "Interpolation": prepared.own_grid.describe_way(ensemble.grid),
        "Generators": ensemble.describe(),
        "SoftwareVersions": f"pcsa_jax {__version__}",
    }
