"""Who a phantom subject is: diagnosis, age, latent severities, and the regional factors drawn from them."""

import dataclasses

import numpy as np

from pcsa_jax.data.phantom.regions import NUM_FACTORS, Regions

AD_FRACTION = 117 / 356
"""Source: section 4.1 of the paper (117 AD and 239 CN with both modalities)."""

AGE_MEAN, AGE_STD, AGE_RANGE = 75.0, 7.5, (56.0, 96.0)
FEMALE_FRACTION = 0.48
BRAIN_AGE_STD = 5.0

SEVERITY_STD = 0.35
"""SD of the structural severity within a diagnosis; its mean is 0 in CN and 1 in AD."""

SEVERITY_NOISE_STD = 0.35
"""SD of metabolic severity given structural severity: a correlation of 0.71 within a diagnosis, 0.86 over both."""

ASYMMETRY_STD = 0.15
VENTRICLE_MEDIAN_ML, VENTRICLE_LOG_STD = 23.0, 0.22
"""Of the lateral ventricles as registration to MNI152 leaves them: 13 to 34 ml in 14 heads that have 6 to 75 ml."""

VENTRICLE_RANGE_ML = (11.5, 45.0)
VENTRICLE_LOG_PER_YEAR, VENTRICLE_LOG_PER_SEVERITY = 0.014, 0.18
DENSITY_GLOBAL_STD, DENSITY_FACTOR_SCALE, DENSITY_RESIDUAL_STD = 0.025, 1.0, 0.04
DENSITY_PER_YEAR = -0.0022
UPTAKE_GLOBAL_STD = 0.068
UPTAKE_SCALE = 0.55
"""Share of the measured regional spread that is drawn as uptake; partial volume and anatomy bring the rest."""

COUPLING = 0.4
"""Correlation between the factors of grey-matter density and those of uptake."""

RESIDUAL_SHARED = 0.95
"""Share of the residual variance common to left and right: gives a left-right correlation of about 0.8."""

TRAITS, UPTAKE = 1, 2
"""Names of independent random streams."""


@dataclasses.dataclass(frozen=True)
class Traits:
    """The latent truth about one subject.

    Attributes:
      number: 1, 2, ...
      diagnosis: ``AD`` or ``CN``.
      age: years, 56-96, one decimal.
      sex: ``F`` or ``M``.
      brain_age: years; what atrophy, ventricles and the frontal decline of uptake follow.
      severity_mri, severity_pet: latent severities; about 0 in CN and 1 in AD.
      effect_mri, effect_pet: what they do to the brain, in about [0, 1.3]: the share of the table's loss.
      expected_effect_pet: expectation of ``effect_pet`` given ``severity_mri``.
      asymmetry: relative excess of the disease effect on the right side.
      ventricle_ml: wanted volume of the lateral ventricles.
      psf_fwhm_mm: resolution of the scanner, 6-8 mm.
      noise: SD of the noise after all smoothing, relative to an uptake of 1.
      log_density: n regions, log grey-matter density relative to the template (0: as there; negative: loss).
      uptake: n regions, uptake of pure grey matter (SUVR).
      expected_uptake: n regions, its expectation given all that shapes the MRI, and the global scale.
      global_scale: factor on the whole PET (dose, body size, mean metabolism).
      white_matter_scale: factor on the uptake of white matter.
    """

    number: int
    diagnosis: str
    age: float
    sex: str
    brain_age: float
    severity_mri: float
    severity_pet: float
    effect_mri: float
    effect_pet: float
    expected_effect_pet: float
    asymmetry: float
    ventricle_ml: float
    psf_fwhm_mm: float
    noise: float
    log_density: np.ndarray
    uptake: np.ndarray
    expected_uptake: np.ndarray
    global_scale: float
    white_matter_scale: float

    @property
    def participant_id(self) -> str:
        return participant_id(self.number)


def participant_id(number: int) -> str:
    """``sub-0001`` for number 1."""
    return f"sub-{number:04d}"


def diagnosis(number: int) -> str:
    """``AD`` or ``CN``: a low-discrepancy sequence, so any run of subjects has nearly the paper's proportions.

    Golden-ratio steps rather than every third subject, which would coincide with the folds of a split.
    """
    golden = (np.sqrt(5) - 1) / 2
    return "AD" if (number * golden + 0.5) % 1 < AD_FRACTION else "CN"


def atrophy_effect(severity: float | np.ndarray) -> np.ndarray:
    """Structural effect of a severity: soft threshold, then linear (1 at about severity 1)."""
    return 0.25 * np.logaddexp(0, (np.asarray(severity) - 0.1) / 0.25) / 0.907


def metabolic_effect(severity: float | np.ndarray) -> np.ndarray:
    """Metabolic effect of a severity: sigmoid, as biomarkers saturate (0.02 at 0, 1 at 1, 1.17 at most).

    Source: the sigmoid biomarker curves of Jack et al., Lancet Neurol 2010;9:119.
    """
    return 1.17 / (1 + np.exp(-(np.asarray(severity) - 0.6) / 0.22))


def expected_metabolic_effect(severity_mri: float) -> float:
    """Mean of ``metabolic_effect(severity_mri + noise)`` over the Gaussian noise, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    return float(metabolic_effect(severity_mri + SEVERITY_NOISE_STD * nodes) @ weights / weights.sum())


def _log_density(rng: np.random.Generator, regions: Regions, brain_age: float, scores: np.ndarray) -> np.ndarray:
    residual = rng.standard_normal(len(regions))
    residual = (residual + residual[regions.mirror]) / 2 + (residual - residual[regions.mirror]) / 2 * 0.6
    return (
        DENSITY_GLOBAL_STD * rng.standard_normal()
        + DENSITY_PER_YEAR * (brain_age - AGE_MEAN)
        + DENSITY_FACTOR_SCALE * regions.factors @ scores
        + DENSITY_RESIDUAL_STD * residual
    )


def _uptake(
    rng: np.random.Generator, regions: Regions, traits: dict, density_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Uptake of pure grey matter, drawn and expected."""
    residual_var = np.clip(regions.cv**2 - np.sum(regions.factors**2, axis=1), 1e-5, None)
    own, pair = rng.standard_normal((2, len(regions)))
    shared = np.where(regions.side <= 0, pair, pair[regions.mirror])
    residual = np.sqrt(RESIDUAL_SHARED) * shared + np.sqrt(1 - RESIDUAL_SHARED) * own
    known = UPTAKE_SCALE * COUPLING * regions.factors @ density_scores
    free_scores = np.sqrt(1 - COUPLING**2) * rng.standard_normal(NUM_FACTORS)
    random = UPTAKE_SCALE * (regions.factors @ free_scores + np.sqrt(residual_var) * residual)
    variance = UPTAKE_SCALE**2 * ((1 - COUPLING**2) * np.sum(regions.factors**2, axis=1) + residual_var)
    age_loss = regions.age_decline * (traits["brain_age"] - AGE_MEAN)
    depth = regions.hypometabolism * (1 + traits["asymmetry"] * regions.side)
    base = regions.uptake * (1 - age_loss) * np.exp(known)
    uptake = base * np.exp(random) * (1 - depth * traits["effect_pet"])
    expected = base * np.exp(variance / 2) * (1 - depth * traits["expected_effect_pet"])
    return uptake, expected


def draw_traits(number: int, seed: int, regions: Regions) -> Traits:
    """The traits of subject ``number`` of the cohort ``seed``: a function of these two alone."""
    rng = np.random.default_rng([seed, number, TRAITS])
    is_ad = diagnosis(number) == "AD"
    age = round(float(np.clip(rng.normal(AGE_MEAN, AGE_STD), *AGE_RANGE)), 1)
    sex = "F" if rng.random() < FEMALE_FRACTION else "M"
    severity_mri = float(rng.normal(1.0 if is_ad else 0.0, SEVERITY_STD))
    severity_pet = severity_mri + float(rng.normal(0, SEVERITY_NOISE_STD))
    known = {
        "brain_age": age + float(rng.normal(0, BRAIN_AGE_STD)),
        "severity_mri": severity_mri,
        "severity_pet": severity_pet,
        "effect_mri": float(atrophy_effect(severity_mri)),
        "effect_pet": float(metabolic_effect(severity_pet)),
        "expected_effect_pet": expected_metabolic_effect(severity_mri),
        "asymmetry": float(rng.normal(0, ASYMMETRY_STD)),
    }
    log_ventricle = (
        VENTRICLE_LOG_PER_YEAR * (known["brain_age"] - AGE_MEAN)
        + VENTRICLE_LOG_PER_SEVERITY * known["effect_mri"]
        + VENTRICLE_LOG_STD * rng.standard_normal()
    )
    scores = rng.standard_normal(NUM_FACTORS)
    log_density = _log_density(rng, regions, known["brain_age"], scores)
    loss = regions.atrophy * (1 + known["asymmetry"] * regions.side) * known["effect_mri"]
    uptake, expected_uptake = _uptake(np.random.default_rng([seed, number, UPTAKE]), regions, known, scores)
    return Traits(
        number=number,
        diagnosis="AD" if is_ad else "CN",
        age=age,
        sex=sex,
        ventricle_ml=float(np.clip(VENTRICLE_MEDIAN_ML * np.exp(log_ventricle), *VENTRICLE_RANGE_ML)),
        psf_fwhm_mm=float(rng.uniform(6, 8)),
        noise=float(rng.uniform(0.012, 0.024)),
        log_density=log_density + np.log1p(-np.clip(loss, 0, 0.6)),
        uptake=uptake,
        expected_uptake=expected_uptake,
        global_scale=float(np.exp(UPTAKE_GLOBAL_STD * rng.standard_normal())),
        white_matter_scale=float(np.exp(0.03 * rng.standard_normal())),
        **known,
    )
