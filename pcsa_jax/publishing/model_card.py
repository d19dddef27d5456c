"""``README.md`` of a published model: a model card with the front matter that Hugging Face reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pcsa_jax.data.synthetic_mark import INTENDED_USE
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.evaluation.ranking import best_predictors
from pcsa_jax.evaluation.summary import METRICS, MODEL, predictor_labels
from pcsa_jax.experiment.systems import SYSTEMS
from pcsa_jax.presentation.markdown import markdown_table, markdown_text
from pcsa_jax.presentation.numbers import count, interval, number
from pcsa_jax.presentation.origin import name_origin
from pcsa_jax.publishing.scores import Scores
from pcsa_jax.synthesis.calibration import describe_trust
from pcsa_jax.synthesis.reading_cards import DIGITS, is_modulated

SHOWN = ("mae_brain", "psnr_brain_db", "ssim_brain")
"""Metrics of the card's table: inside the brain, where the background makes nothing look better than it is."""

LIMITS = (
    "A synthetic PET is a guess from grey matter. What a disease does to metabolism before it changes anatomy is not "
    "in it.",
    "It knows brains like those that it was trained on: another scanner, another way of segmenting, children, lesions "
    "and surgery are outside. Ask `assess`, or look at the page that `--pages` writes.",
    "Nothing is said about single voxels without an interval, and nothing about a person without a reader.",
)
OF_PRIORS = (
    "The closed-form predictors in `model.safetensors` (`prior.*`) are sums over the training subjects' maps and PET, "
    "nobody's own, but they span them. Publish only where the data use agreement allows what can be computed from the "
    "data."
)


PREVIEW_CAPTION = "The grey matter of a PHANTOM, which is nobody's brain, and the PET that the model makes of it"


class About(NamedTuple):
    """What the publisher says.

    Attributes:
      name: of the model.
      licence: identifier of the weights' licence, as Hugging Face lists them.
      authors: who publishes it.
    """

    name: str
    licence: str
    authors: str


def write_card(
    about: About, cards: Sequence[Mapping[str, Any]], *, scores: Scores | None, trust: Trust | None,
    program: Mapping[str, Any] | None, files: Mapping[str, str],
) -> str:  # fmt: skip
    """The card as Markdown.

    Args:
      about: of the publisher.
      cards: of each generator whose mean the model is.
      scores: of their test parts; None if they are published without.
      trust: what single images are judged by.
      program: what ``config.json`` says of the StableHLO programs; None without.
      files: name -> SHA-256 of each file of the folder.
    """
    import jinja2

    card = cards[0]
    is_phantom = any(one["training"]["is_phantom"] for one in cards)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # Markdown; what others have written goes through markdown_text
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template("model_card.md").render(
        front_matter=front_matter(about, card, scores, is_phantom=is_phantom, has_program=program is not None),
        name=markdown_text(about.name), authors=markdown_text(about.authors),
        maps_known=all(card["training"].get("maps") for card in cards),
        notice=card["notice"], phantom_scored=scores is not None and scores.is_phantom,
        what=_what(cards), intended_use=INTENDED_USE,
        preview_caption=PREVIEW_CAPTION,
        program=None if program is None else {
            "file": program["programs"][0], "platforms": " and ".join(program["platforms"]), "jax": program["jax"],
            "made": program["made"], "until": program["readable_until"],
        },
        facts=_facts(card, len(cards)), scores_intro=_intro(scores, len(cards)), table=_table(scores),
        paired=_paired(scores), training=_training(cards), digits=DIGITS,
        trust=[name_origin(line, is_phantom=is_phantom) for line in _trust_lines(trust, scores)],
        limits=_limits(about, card), files=list(files.items()),
    )  # fmt: skip


def _limits(about: About, card: Mapping[str, Any]) -> list[str]:
    starts_known = [OF_PRIORS] if card["recipe"]["channels"] else []
    return [*LIMITS, *starts_known, f"Licence of the weights: {markdown_text(about.licence)}."]


def front_matter(
    about: About, card: Mapping[str, Any], scores: Scores | None, *, is_phantom: bool, has_program: bool = True
) -> str:  # fmt: skip
    """The YAML block between ``---`` that Hugging Face reads."""
    import yaml

    tags = ["fdg-pet", "mri", "brain", "neuroimaging", "medical-imaging", "image-synthesis", "3d", "gan", "jax", "flax"]
    said: dict[str, Any] = {
        "library_name": "pcsa_jax",
        "pipeline_tag": "image-to-image",
        "license": about.licence,
        "tags": [
            *tags,
            *(["stablehlo"] if has_program else []),
            *(["phantom", "synthetic-data"] if is_phantom else []),
        ],
    }
    if scores is not None:
        said["metrics"] = ["mae", "psnr", "ssim"]
        said["model-index"] = [_index(about, card, scores)]
    return f"---\n{yaml.safe_dump(said, sort_keys=False, allow_unicode=True)}---\n"


def _index(about: About, card: Mapping[str, Any], scores: Scores) -> dict[str, Any]:
    found = scores.summary["predictors"][MODEL]
    metrics = []
    for key in SHOWN:
        if found[key]["mean"] is None:
            continue
        entry = {"type": METRICS[key].label.lower(), "value": round(found[key]["mean"], 6)}
        bounds = found[key]["ci95"]
        said = "" if bounds is None else f", 95 % CI {interval(bounds, METRICS[key].digits)}"
        metrics.append(entry | {"name": f"{METRICS[key].title} in the brain, test subjects{said}"})
    cohort = ", ".join(scores.cohorts)
    return {
        "name": about.name,
        "results": [{
            "task": {"type": "image-to-image", "name": "FDG-PET synthesis from structural MRI"},
            "dataset": {"type": "phantom" if scores.is_phantom else "private", "name": cohort, "split": "test"},
            "metrics": metrics,
        }],
    }  # fmt: skip


def _what(cards: Sequence[Mapping[str, Any]]) -> str:
    card = cards[0]
    network = SYSTEMS[card["system"]].label
    many = f" It is the voxel-wise mean of {len(cards)} generators." if len(cards) > 1 else ""
    start = card["recipe"]["anchor"]
    begins = "" if start == "none" else f" The network corrects a closed-form prediction (`{start}`) that goes with it."
    return (
        f"The FDG-PET of a brain from the grey-matter map of its structural MRI. {network}, row "
        f"`{card['training']['row']}`.{begins}{many}"
    )


def _facts(card: Mapping[str, Any], num_members: int) -> list[tuple[str, str]]:
    grid, pet = card["grid"], card["pet"]
    origin = ", ".join(f"{row[3]:g}" for row in grid["affine"][:3])
    low, high = pet["range"]
    kind, shape = "modulated" if is_modulated(card) else "unmodulated", " x ".join(map(str, grid["shape"]))
    return [
        ("input", f"{kind} {card['input']}"),
        ("output", f"{card['output']}; {low:g} to {high:g} {pet['unit']}"),
        ("grid", f"{shape} voxels of {grid['voxel_size_mm']:g} mm, {grid['space']}, RAS+, first voxel at {origin} mm"),
        ("precision", card["training"]["config"]["precision"]),
        ("generators", str(num_members)),
    ]  # fmt: skip


def _intro(scores: Scores | None, num_members: int) -> str:
    if scores is None:
        return ""
    summary, cohorts = scores.summary, markdown_text(", ".join(scores.cohorts))
    each = "" if num_members == 1 else " Each person is scored by generators that have not seen them, not by the mean."
    ceiling = (
        " A ceiling is known of a phantom alone: what no predictor from the MRI can exceed."
        if scores.is_phantom
        else ""
    )
    return (
        f"{summary['n_subjects']} test subjects of {cohorts}, inside the brain; mean, and 95 % CI "
        f"({summary['ci95_method']}). Bold: the best predictor of a column.{ceiling}{each}"
    )


def _table(scores: Scores | None) -> str:
    if scores is None:
        return ""
    found = scores.summary["predictors"]
    best, labels = best_predictors(found), predictor_labels()
    rows = []
    for name, own in found.items():
        cells = []
        for key in SHOWN:
            text = number(own[key]["mean"], METRICS[key].digits)
            text = f"**{text}**" if name in best[key] else text
            bounds = interval(own[key]["ci95"], METRICS[key].digits)
            cells.append(f"{text} ({bounds})")
        label = name_origin(labels.get(name, name), is_phantom=scores.is_phantom)
        rows.append([f"**{label}** (this model)" if name == MODEL else label, *cells])
    return markdown_table(["predictor", *(METRICS[key].title for key in SHOWN)], rows)


def _paired(scores: Scores | None) -> str:
    """Where the model stands against each trivial predictor, in words."""
    if scores is None:
        return ""
    lines = ["This model minus each other, person by person (PSNR in the brain):", ""]
    for name, own in scores.summary.get("paired_differences", {}).items():
        entry, label = own["psnr_brain_db"], predictor_labels().get(name, name)
        said = {"better": "better", "worse": "worse", "undecided": "not told apart"}[entry["verdict"]]
        lines.append(
            f"* {label}: {number(entry['mean'], 2, signed=True)} dB ({interval(entry['ci95'], 2, signed=True)}), {said}"
        )
    return "\n".join(lines)


def _trust_lines(trust: Trust | None, scores: Scores | None) -> list[str]:
    lines = [] if trust is None else [markdown_text(line) for line in describe_trust(trust)]
    for own in () if scores is None else scores.trust:
        if known := own.get("familiarity"):
            verdicts = ", ".join(f"{verdict} {number}" for verdict, number in known["verdicts"].items())
            lines.append(f"Of {known['n']} test maps: {verdicts}")
        if held := own.get("intervals"):
            inside = held["people"]
            bounds = [100 * bound for bound in inside["ci95"]] if inside["ci95"] else None
            lines.append(
                f"Intervals of {100 * held['level']:.0f} % held {100 * inside['mean']:.0f} % of a test subject's "
                f"voxels ({interval(bounds, 0)} %)"
            )
    return lines or ["Nothing goes with this model to judge single images by."]


def _training(cards: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    rows = []
    for index, card in enumerate(cards, start=1):
        training, maps = card["training"], card["training"].get("maps") or {}
        first = f"generator {index}: " if len(cards) > 1 else ""
        kind = "a PHANTOM" if training["is_phantom"] else "people" if training["is_phantom"] is False else "not known"
        rows += [
            (f"{first}cohort", f"{markdown_text(training['cohort'])} ({kind})"),
            (f"{first}maps", ", ".join(f"{part} {len(own)}" for part, own in maps.items()) or "not recorded"),
            (f"{first}checkpoint", f"{training['checkpoint']}, step {count(training['step'])}"),
            (f"{first}split table, SHA-256", f"`{training['splits_sha256']}`"),
            (f"{first}parameters, SHA-256", f"`{card['sha256']}`"),
        ]  # fmt: skip
    packages = cards[0]["environment"]["packages"]
    return [*rows, ("software", ", ".join(f"{name} {version}" for name, version in packages.items() if version))]
