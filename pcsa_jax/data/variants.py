"""Choosing one variant of a modality for a whole cohort: subjects that were prepared differently cannot be compared."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.names import Name, parse_name
from pcsa_jax.data.subjects import Findings, counted, listing

Visit = tuple[str, str]
"""(participant_id, session_id)."""


BEST_FWHM_MM = 8.0
MANIFEST = "manifest.tsv (participant_id, session_id, diagnosis, mri, pet)"
"""Where a user names the files to take, for messages."""


class Candidate(NamedTuple):
    """One file that could be a visit's volume.

    Attributes:
      path: of the file.
      rank: which variant it is; the lowest of a cohort is taken.
      variant: the same in words.
    """

    path: Path
    rank: tuple
    variant: str


def rank_of_fwhm(fwhm_mm: float) -> tuple[int, float]:
    """8 mm before not smoothed before other widths."""
    return {BEST_FWHM_MM: 0, 0.0: 1}.get(fwhm_mm, 2), fwhm_mm


def rank_of_prefix(name: Name) -> tuple:
    """Of the maps that SPM and CAT12 make of one scan: unmodulated ones (``wp1``) first, then those of fewest steps."""
    segment = name.segment
    return (bool(name.is_modulated), len(segment), segment, rank_of_fwhm(name.prefix_fwhm_mm or 0.0))


def choose(
    candidates: Mapping[Visit, Sequence[Candidate]], modality: str, findings: Findings
) -> dict[Visit, Candidate]:
    """The candidate of the cohort's lowest rank at each visit that has it.

    Args:
      candidates: of every visit, possibly none.
      modality: "GM map" or "FDG-PET", for the messages.
      findings: gets a problem for each visit that has another variant only, or the chosen one twice, and a note on
        what was chosen if there was a choice.
    """
    ranks = {candidate.rank: candidate.variant for found in candidates.values() for candidate in found}
    if not ranks:
        return {}
    best = min(ranks)
    chosen = {}
    for visit, found in candidates.items():
        own = [candidate for candidate in found if candidate.rank == best]
        if len(own) == 1:
            chosen[visit] = own[0]
        elif own:
            names = " and ".join(candidate.path.name for candidate in own)
            text = f"expected one {modality} of {ranks[best]}, found {len(own)}{_differing(own)}: {names}"
            remedy = f"Name the one to use in {MANIFEST}, or move the others out of the cohort"
            findings.add(own[0].path.parent, text, remedy, visit=visit)
        elif found:
            there = ", ".join(sorted({candidate.variant for candidate in found}))
            text = f"expected the {modality} in the cohort's variant ({ranks[best]}), found only {there}"
            remedy = "Make it in that variant too, or write a manifest of the visits to use"
            findings.add(found[0].path, text, remedy, visit=visit)
    if len(ranks) > 1:
        visits = Counter(rank for found in candidates.values() for rank in {candidate.rank for candidate in found})
        others = "; ".join(
            f"{ranks[rank]} ({counted(visits[rank], 'visit')})" for rank in sorted(ranks) if rank != best
        )
        findings.notes.append(
            f"{modality}: {ranks[best]} is read ({counted(visits[best], 'visit')}); also there: {others}"
        )
    return chosen


def _differing(candidates: Sequence[Candidate]) -> str:
    """Which entities tell files of one variant apart: `` that differ in run``."""
    entities = [parse_name(candidate.path).entities for candidate in candidates]
    apart = [
        key
        for key in dict.fromkeys(key for own in entities for key in own)
        if len({own.get(key) for own in entities}) > 1
    ]
    return f" that differ in {listing(apart)}" if apart else ""
