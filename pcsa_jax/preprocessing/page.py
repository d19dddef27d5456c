"""The page on which a person checks a preprocessed cohort by eye: one HTML file that needs nothing beside itself."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcsa_jax.data.files import write_text
from pcsa_jax.data.preprocessing.dataset import Failure, Finished
from pcsa_jax.data.preprocessing.participants import MISSING, ParticipantTable
from pcsa_jax.data.preprocessing.quality import MEASURES, warnings
from pcsa_jax.presentation.html import data_uri, render

TEMPLATE = Path(__file__).with_name("templates") / "preprocessing.html"
JPEG_QUALITY = 80
"""For the page alone: hundreds of pictures in one file; figures/ has them as PNG."""


def write_page(
    path: Path,
    *,
    finished: Sequence[Finished],
    failures: Sequence[Failure],
    notes: Sequence[str],
    table: ParticipantTable,
) -> None:
    """Renders ``templates/preprocessing.html``; all text is escaped, whatever a participant is called.

    Args:
      path: HTML file to write.
      finished: visits to show, suspicious ones first.
      failures: visits that could not be worked through.
      notes: scans that were left out.
      table: for the diagnoses.
    """
    marks = warnings([visit.quality for visit in finished])
    visits = [_entry(visit, own, table) for visit, own in zip(finished, marks, strict=True)]
    visits.sort(key=lambda visit: -visit["num_warnings"])
    counts = {
        "visits": len(visits),
        "pet": sum(visit.has_pet for visit in finished),
        "suspicious": sum(bool(own) for own in marks),
        "failed": len(failures),
    }
    values = {"visits": visits, "failures": failures, "notes": notes, "measures": MEASURES, "counts": counts}
    write_text(path, render(TEMPLATE, **values))


def _entry(visit: Finished, marks: dict[str, str], table: ParticipantTable) -> dict[str, Any]:
    cells = []
    for key, known in MEASURES.items():
        value = visit.quality.get(key)
        text = "–" if value is None else f"{value:.{known.digits}f}"
        cells.append({"title": known.title, "text": text, "warning": marks.get(key)})
    return {
        "name": visit.name,
        "diagnosis": table.rows.get(visit.participant_id, {}).get("diagnosis") or MISSING,
        "cells": cells,
        "num_warnings": len(marks),
        "picture": _picture(visit.picture),
        "has_pet": visit.has_pet,
    }


def _picture(path: Path) -> str | None:
    """The picture as a data URI; None if it is not there any more."""
    from PIL import Image

    if not path.is_file():
        return None
    try:
        with Image.open(path) as image:
            stream = io.BytesIO()
            image.convert("RGB").save(stream, "JPEG", quality=JPEG_QUALITY)
    except OSError:
        return None
    return data_uri(stream.getvalue(), "jpeg")
