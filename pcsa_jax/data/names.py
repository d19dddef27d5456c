"""What the name of a volume says: BIDS entities, Clinica's and SPM's words, tracer, space, tissue and smoothness.

One parser and one set of words for every reader and command. Names are parsed, not matched as a whole, so the order of
entities does not matter.
"""

import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.subjects import PARTICIPANT_ID, SESSION_ID

NIFTI = re.compile(r"\.nii(\.gz)?$")
ENTITY = re.compile(r"([a-zA-Z]+)-([A-Za-z0-9.+-]+)")
MNI_SPACE = re.compile(r"MNI152.*|IXI549Space", re.IGNORECASE)
"""Standard spaces within a few millimetres of MNI152. fMRIPrep's maps without ``space-`` are the scan's own."""

NOT_MEASURED = ("predictable", "synthetic")
"""Beginnings of the ``desc-`` of a PET that no scanner has made."""

FDG = re.compile(r"fdg(?!al)|(?=.*de[os]*x[yi])(?=.*flu(or|d)).*glu[ck]os")
"""FDG in lower-case letters and digits: F18FDG, 18F-FDG, fludeoxyglucose, 2-deoxy-2-[18F]fluoro-D-glucose; not FDGal,
which is a galactose."""

OTHER_TRACER = re.compile(
    r"\b(no|not|non)\b|galact|pib|pittsburgh|florb|flutemet|av.?45|av.?1451|\btau|dopa|\bfet\b|choline"
)
"""What a tracer's name does not hold if it is FDG alone."""

SPM = re.compile(
    r"(?P<smooth>s(?P<fwhm>\d+)?)?(?P<twice>mw(?=mw))?(?P<modulated>m0?)?(?P<rigid>r)?(?P<normalised>w)?(?P<segment>[cp])"
    r"(?P<tissue>[1-6]|(?<=p)7)(?P<average>avg_)?(?(twice)r?|(?:r(?=sub-))?)(?P<scan>.+)"
)
"""Prefixes of SPM (``wc1``, ``mwc1``, ``swc1``) and CAT12 (``wp1``, ``mwp1``, ``s6mwp1``; of several visits ``mwp1r``,
``mwmwp1r``, and ``avg_`` of their average) before the scan's name."""

SPM_PREFIX = re.compile(r"(?P<smooth>s(?P<fwhm>\d*))?(?P<steps>(?:mi|[wrmua])*)(?:avg_)?(?=sub-)")
"""Prefixes of any volume that SPM has normalised (``w``) and smoothed (``s``, ``s8``) before a BIDS name, and of scans
that CAT12 has corrected (``m``, ``mi``)."""

SPM_NUMBERED = re.compile(r"s(?P<fwhm>[1-9]\d?)w(?=[A-Z])")
"""The same before any other name: without a number it might be a word."""

SMOOTHED = re.compile(r"(?:smooth(?:ed)?|smth|fwhm)(\d+(?:[p.]\d+)?)(?:mm)?|^s(\d+)(?:mm)?$", re.IGNORECASE)
"""``desc-`` of a smoothed volume: smooth8mm, smth6, s8."""

SPM_FWHM_MM = 8.0
"""What SPM smooths with unless it is told otherwise: of a prefix ``s`` without a number."""

PRODUCTS = (
    (re.compile(r"[wr]*p0(?:avg_)?(?:r(?=sub-))?(?=[A-Za-z])"), "a label map of tissues (CAT12's p0)"),
    (re.compile(r"i?y_(?:avg_)?(?:r(?=sub-))?(?=.)"), "a deformation field (SPM's y_)"),
    (re.compile(r"u_(?=rc1)"), "a flow field (SPM's u_)"),
    (re.compile(r"wj_(?=.)"), "a map of Jacobian determinants (CAT12's wj_)"),
    (re.compile(r"wm(?!i?sub-)i?(?=.*T1w?$)"), "a T1w scan in MNI152 space (CAT12's wm)"),
)
"""Prefixes of what SPM and CAT12 write beside the maps, which is neither map nor scan, whatever the scan is called."""

SPM_TISSUES = {
    "1": "grey matter", "2": "white matter", "3": "CSF", "4": "bone", "5": "soft tissue", "6": "background",
    "7": "white matter lesions",
}  # fmt: skip
LABELS = {"GM": "grey matter", "WM": "white matter", "CSF": "CSF"}
SEGMENTS = {"graymatter": "grey matter", "whitematter": "white matter", "csf": "CSF"}

PROBABILITY_SUFFIXES = ("probseg", "probability")
SUFFIXES = {
    "T1w": "T1w scan", "T2w": "T2w scan", "FLAIR": "FLAIR scan", "pet": "PET", "petref": "PET reference image",
    "mask": "mask", "dseg": "label map", "bold": "functional scan", "boldref": "functional scan", "dwi": "DWI scan",
    "xfm": "transform",
}  # fmt: skip
"""Last words of BIDS names, and what such a file is."""

NATIVE_MAPS = (
    (re.compile(r".*_pve_(?P<number>[012])"), {"0": "CSF", "1": "grey matter", "2": "white matter"}, "FSL's FAST"),
    (re.compile(r".*Posteriors?0?(?P<number>[1-6])"), {"1": "CSF", "2": "grey matter", "3": "white matter"}, "ANTs"),
)
"""Maps in the scan's own space: name, number -> tissue, and who writes them so."""


class Name(NamedTuple):
    """A file name, taken apart.

    Attributes:
      entities: ``key-value`` parts, the first of each key: ``{"sub": "01", "space": "MNI152NLin6Asym"}``.
      suffix: the last part if it is no entity ("T1w", "probseg"), else "".
      spm: what SPM's or CAT12's prefix of a segment says; None without one.
      prefix_fwhm_mm: what SPM's prefix ``s`` of a smoothed volume says, mm; None without one.
      stem: the name without its ending.
      prefix: what SPM or CAT12 has written before the scan's name ("s8mwp1r", "wm", "y_"), or "".
      product: what a file of :data:`PRODUCTS` is, in words; "" for any other.
    """

    entities: dict[str, str]
    suffix: str
    spm: re.Match | None
    prefix_fwhm_mm: float | None
    stem: str = ""
    prefix: str = ""
    product: str = ""

    @property
    def participant_id(self) -> str:
        """``sub-X``, or "" if the name does not say."""
        return f"sub-{self.entities['sub']}" if "sub" in self.entities else ""

    @property
    def session_id(self) -> str:
        """``ses-Y``, or "" if the name does not say."""
        return f"ses-{self.entities['ses']}" if "sub" in self.entities and "ses" in self.entities else ""

    @property
    def space(self) -> str:
        """``space-``; what SPM has normalised (``w``) lies in IXI549Space; "" if the name does not say."""
        if self.spm:
            return "IXI549Space" if self.spm["normalised"] else ""
        return self.entities.get("space", "IXI549Space" if "w" in self.prefix and not self.product else "")

    @property
    def segment(self) -> str:
        """:attr:`prefix` without the smoothing: "mwp1r", "w"; "" without one."""
        return re.sub(r"^s\d*", "", self.prefix)

    @property
    def tissue(self) -> str:
        """The tissue of a probability map in words ("grey matter", "CSF"), or "" if the name does not say."""
        if self.spm:
            return SPM_TISSUES[self.spm["tissue"]]
        label, segment = self.entities.get("label"), self.entities.get("segm")
        if self.suffix in PROBABILITY_SUFFIXES and label:
            return LABELS.get(label, f"label-{label}")
        return SEGMENTS.get(segment, f"segm-{segment}") if segment else ""

    @property
    def is_modulated(self) -> bool | None:
        """Whether values are volumes instead of probabilities; None if the name does not say."""
        if self.spm:
            return bool(self.spm["modulated"])
        desc = self.entities.get("desc", "").lower()
        if "modulated" in desc:
            return "unmodulated" not in desc
        return {"on": True, "off": False}.get(self.entities.get("modulated", ""))

    @property
    def fwhm_mm(self) -> float | None:
        """What the volume has been smoothed with, mm; None if the name does not say."""
        if match := re.fullmatch(r"(\d+(?:[.p]\d+)?)(?:mm)?", self.entities.get("fwhm", "")):
            return float(match[1].replace("p", "."))
        described = SMOOTHED.search(self.entities.get("desc", ""))
        if described:
            return float((described[1] or described[2]).replace("p", "."))
        return self.prefix_fwhm_mm


def parse_name(path: Path) -> Name:
    """Takes a file name apart; a name that is none of BIDS, Clinica or SPM has no entities."""
    stem = NIFTI.sub("", path.name).removesuffix(".json")
    spm = SPM.fullmatch(stem)
    if spm and not _is_spm(spm):
        spm = None
    smoothed = SPM_PREFIX.match(stem)
    product, prefix = next(((what, match[0]) for form, what in PRODUCTS if (match := form.match(stem))), ("", ""))
    if not product:
        prefix = stem[: spm.start("scan")] if spm else smoothed[0] if smoothed else ""
    words = stem[len(prefix) :].split("_")
    found: dict[str, str] = {}
    if PARTICIPANT_ID.fullmatch(words[0]):
        for word in words:
            match = ENTITY.fullmatch(word)
            # Folders are named by the session.
            if match and (match[1] != "ses" or SESSION_ID.fullmatch(word)):
                found.setdefault(match[1], match[2])
    said = next((match for match in (spm, smoothed) if match and match["smooth"]), SPM_NUMBERED.match(stem))
    fwhm_mm = float(said["fwhm"] or SPM_FWHM_MM) if said else None
    suffix = "" if ENTITY.fullmatch(words[-1]) else words[-1]
    return Name(found, suffix, None if product else spm, fwhm_mm, stem, prefix, product)


def _is_spm(match: re.Match) -> bool:
    """Whether it is a prefix indeed: ``p1.nii`` may be a person, ``wp1...`` and ``p1sub-01_T1w`` are segments."""
    scan = match["scan"]
    is_certain = bool(match["normalised"] or match["rigid"]) or scan.startswith("sub-") or scan.endswith("_T1w")
    return is_certain or (match["segment"] == "c" and scan[0].isalpha())


def is_mni(space: str) -> bool:
    """True for ``space-`` of a standard space that lies in MNI152."""
    return bool(MNI_SPACE.fullmatch(space))


def is_fdg(tracer: str) -> bool:
    """True for FDG by a tracer's label or name in any usual spelling."""
    plain = unicodedata.normalize("NFKD", tracer.lower())
    if OTHER_TRACER.search(plain):
        return False
    return bool(FDG.search(re.sub(r"[^a-z0-9]", "", plain)))


def why_no_grey_matter_map(name: Name) -> str:
    """What a file is by its name, if not a grey-matter map in MNI152 space; "" if it may be one.

    Modulated maps are grey-matter maps, of a kind of their own (:attr:`Name.is_modulated`).
    """
    desc = name.entities.get("desc", "")
    if name.product:
        return name.product
    if name.spm and name.spm["average"]:
        return "a map of the average of several visits (CAT12's avg_)"
    if name.tissue not in ("", "grey matter"):
        return name.tissue if name.tissue.startswith(("label-", "segm-")) else f"a map of {name.tissue}"
    if desc.startswith("synthetic"):
        return "a synthetic PET"
    if not name.spm and name.suffix in SUFFIXES:
        return f"a {SUFFIXES[name.suffix]}" + (f" with SPM's or CAT12's prefix {name.prefix}" if name.prefix else "")
    return (_why_native(name.stem) if not name.space else "") or _why_not_in_mni(name)


def why_no_fdg_pet(name: Name) -> str:
    """What a file is by its name, if not a measured FDG-PET; "" if it may be one."""
    desc, tracer = name.entities.get("desc", ""), name.entities.get("trc", "")
    if name.product or name.tissue:
        return name.product or f"a map of {name.tissue}"
    if desc.startswith(NOT_MEASURED):
        return f"desc-{desc}, which nobody measured"
    if tracer and not is_fdg(tracer):
        return f"a PET of another tracer (trc-{tracer})"
    if name.suffix in SUFFIXES and name.suffix != "pet":
        return f"a {SUFFIXES[name.suffix]}"
    return f"a PET in space-{name.space}" if name.space and not is_mni(name.space) else ""


def _why_native(stem: str) -> str:
    """What a map of FSL's FAST or of ANTs is; "" for any other name."""
    for pattern, tissues, tool in NATIVE_MAPS:
        if match := pattern.fullmatch(stem):
            return (
                f"a map of {tissues.get(match['number'], 'other tissue')} in the scan's own space, as {tool} writes it"
            )
    return ""


def _why_not_in_mni(name: Name) -> str:
    if name.spm and name.spm["rigid"]:
        return "a map in the scan's own space (SPM's r: turned and moved only)"
    if name.tissue and not name.space:
        return "a map in the scan's own space, as no space- (or SPM's w) says otherwise"
    if name.space and not is_mni(name.space):
        return f"a map in space-{name.space}"
    return ""
