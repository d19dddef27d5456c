"""What pages and pictures call the volumes of a phantom, and a generator that was trained on one."""

import re
from collections.abc import Sequence

TRAINED_ON_PHANTOM = "The generator was trained on a PHANTOM, not on people."

_WRITTEN_FOR_PEOPLE = re.compile(r"(?<![\w+-])(?:real|Real|measured(?= PET)|Measured(?= PET))(?![\w+-])")


def name_origin(text: str, *, is_phantom: bool) -> str:
    """``text``, written for a cohort of people, as it has to read on this one: on a phantom, real is simulated.

    Every page and figure is written once. Names of people and cohorts must not be part of ``text``; identifiers like
    ``mri+real_pet`` are left alone.
    """
    if not is_phantom:
        return text
    return _WRITTEN_FOR_PEOPLE.sub(lambda found: "Simulated" if found[0][0].isupper() else "simulated", text)


def phantom_mark(*, is_phantom: bool, trained_on_phantom: bool = False) -> str:
    """The beginning of a title; empty where neither the cohort nor the generator's cohort is a phantom.

    Pictures and tables leave their page: on a slide nothing else would say what they show.
    """
    if is_phantom:
        return "PHANTOM: "
    return "PHANTOM-trained generator: " if trained_on_phantom else ""


def synthetic_line(*, is_phantom: bool, trained_on_phantom: bool, models: Sequence[str] = ()) -> str:
    """What stands inside every picture that shows a synthetic PET: a picture travels without its page.

    Args:
      is_phantom: the MRI is a phantom's.
      trained_on_phantom: so were those that the generator was trained on.
      models: SHA-256 of the generators' parameters; none where a picture shows many.
    """
    words = ["SYNTHETIC PET", "not measured"]
    if models:
        words.append(f"model {models[0][:12]}{f' and {len(models) - 1} more' if models[1:] else ''}")
    words += ["MRI of a PHANTOM"] if is_phantom else []
    words += ["trained on a PHANTOM"] if trained_on_phantom else []
    return " · ".join(words)
