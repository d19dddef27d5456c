"""From the files found in a folder layout to visits: what BIDS derivatives and CAPS have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.demographics import Person
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.people import Label, People, alike_ids, describe_labels, renamings, same_session
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import PARTICIPANT_ID, Findings, Reading, Subject, counted, listing
from pcsa_jax.data.variants import Candidate, Visit, choose

Candidates = dict[Visit, list[Candidate]]


def participants_to_read(people: People | None, folders: Iterable[Path], findings: Findings) -> list[str]:
    """The participants of the table, or those of the folders if there is no table.

    Folders beyond the table are noted, with ids of the table that may mean them; a table that shares nobody with the
    folders is a problem.
    """
    on_disk = sorted(folder.name for folder in folders if folder.is_dir())
    listed = on_disk if people is None else sorted(people.diagnoses)
    unlisted = sorted(set(on_disk) - set(listed))
    alike = alike_ids(set(listed) - set(on_disk), unlisted)
    if people and listed and unlisted and len(unlisted) == len(on_disk):
        found = f"expected the participants of the folders ({listing(on_disk)}), found none of them: {listing(listed)}"
        remedy = "Write the ids as the folders are named"
        if alike:
            remedy += f": {renamings(alike)} (padding or case differs)"
        findings.add(people.path, found, remedy, is_of_all=True)
    elif unlisted:
        more = f"; may be meant: {renamings(alike)}" if alike else ""
        findings.notes.append(
            f"Left out: {counted(len(unlisted), 'folder')} that {people.path.name} lacks ({listing(unlisted)}){more}"
        )
    return [participant_id for participant_id in listed if PARTICIPANT_ID.fullmatch(participant_id)]


def visit_of(path: Path, visit: Visit, findings: Findings) -> Visit | None:
    """The visit that a file's name says, in the folder of ``visit``; None, and a problem, if the two contradict.

    A folder without session may hold files whose names have one (sMRIPrep, fMRIPrep of old): the name decides.
    """
    name = parse_name(path)
    if name.participant_id == visit[0] and name.session_id == visit[1]:
        return visit
    if name.participant_id == visit[0] and name.session_id and not visit[1]:
        findings.by_name.append(path)
        return visit[0], name.session_id
    stem = "_".join(filter(None, visit))
    said = f"one of {visit_name(name.participant_id, name.session_id) or 'nobody'}"
    found = f"expected a name that begins with {stem}_, as its folder says, found {said}"
    findings.add(path, found, "Rename it or put it into its own folder", visit=visit)
    return None


class Joined(NamedTuple):
    """One visit: its GM map, of whatever session, and its PET."""

    visit: Visit
    mri: Candidate
    mri_session_id: str
    pet: Candidate | None


def join(mri: Mapping[Visit, Candidate], pet: Mapping[Visit, Candidate], findings: Findings) -> list[Joined]:
    """Each PET with the GM map of its session, else with the person's map of no session, else with the only one.

    Maps that no PET needs are visits without PET; a PET of a session that none of several maps belongs to is left out,
    with a note.
    """
    joined: list[Joined] = []
    said: dict[str, list[str]] = {text: [] for text in MEETINGS}
    for participant_id in dict.fromkeys(person for person, _ in (*mri, *pet)):
        maps = {session: found for (person, session), found in mri.items() if person == participant_id}
        scans = {session: found for (person, session), found in pet.items() if person == participant_id}
        used = set()
        for session, scan in scans.items():
            name = visit_name(participant_id, session)
            source = _session_of_map(session, maps)
            if source and not session and source in scans:
                source = None  # that session has a PET of its own
            if source is None and maps:
                findings.unmet.append(f"{name}: maps of {', '.join(other or 'no session' for other in maps)}")
            elif source is None:
                said[WITHOUT_MAP].append(name)
            else:
                used.add(source)
                if text := _meeting(session, source):
                    said[text].append(f"{name}: {source}" if source else name)
                # A PET of no session is one of the session of its only map.
                joined.append(Joined((participant_id, session or source), maps[source], source, scan))
        left = [session for session in maps if session not in used]
        joined += [Joined((participant_id, session), maps[session], session, None) for session in left]
    _note_meetings(said, findings)
    return sorted(joined, key=lambda found: found.visit)


WITHOUT_MAP = "no GM map"
RESPELT = "with the GM map of the same session in another spelling"
WITHOUT_SESSION = "with the participant's GM map, which is of no session"
OF_ANOTHER = "with the participant's only GM map, which is of another session"
MEETINGS = (WITHOUT_MAP, RESPELT, WITHOUT_SESSION, OF_ANOTHER)


def _meeting(session: str, source: str) -> str:
    """How a PET met a map of another session, for the note; "" if it is the same."""
    if source == session:
        return ""
    if not source:
        return WITHOUT_SESSION
    return RESPELT if same_session(source) == same_session(session) else OF_ANOTHER


def _note_meetings(said: Mapping[str, list[str]], findings: Findings) -> None:
    for text in MEETINGS[1:]:
        if names := said[text]:
            findings.notes.append(f"{counted(len(names), 'PET')} joined {text} ({listing(names)})")
    if findings.unmet:
        findings.notes.append(
            f"Left out: {counted(len(findings.unmet), 'visit')} with an FDG-PET of a session that no GM map is of "
            f"({listing(findings.unmet)})"
        )
    if names := said[WITHOUT_MAP]:
        findings.notes.append(
            f"Left out: {counted(len(names), 'visit')} with an FDG-PET but no GM map ({listing(names)})"
        )


def _session_of_map(session: str, maps: Mapping[str, Candidate]) -> str | None:
    """The session of the map that serves a PET of ``session``; None if none does."""
    if session in maps:
        return session
    alike = [own for own in maps if own and session and same_session(own) == same_session(session)]
    if len(alike) == 1:
        return alike[0]
    if "" in maps:
        return ""
    return next(iter(maps)) if len(maps) == 1 else None


def assemble(
    people: People | None,
    mri: Mapping[Visit, Sequence[Candidate]],
    pet: Mapping[Visit, Sequence[Candidate]],
    findings: Findings,
    reading: Reading,
    *,
    fwhm_mm: Callable[[Path, Visit], float | None],
    predictable: Callable[[Path], Path | None] = lambda pet: None,
) -> list[Subject]:
    """The visits that have a GM map, each with the chosen variant of both modalities.

    Args:
      people: what the tables say; None without tables.
      mri, pet: the candidates of every visit.
      findings: gets problems and notes.
      reading: what the user says.
      fwhm_mm: what a volume has been smoothed with, if anybody says.
      predictable: the phantom's predictable part beside a PET.
    """
    _note_sessions_by_name(findings)
    chosen = choose(mri, "GM map", findings), choose(pet, "FDG-PET", findings)
    subjects, labels, looked_for = [], {}, set()
    for visit, found, session, scan in join(*chosen, findings):
        own_pet = scan.path if scan else None
        for path in {found.path, own_pet} - {None, *looked_for}:
            looked_for.add(path)
            findings.check_presence(path, visit=visit)
        label = people.label(*visit, visits_only=reading.diagnosis == "visit") if people else Label("", "")
        person = people.person(*visit) if people else Person()
        subject = Subject(
            *visit,
            diagnosis=label.diagnosis,
            mri=found.path,
            pet=own_pet,
            predictable=predictable(own_pet) if own_pet else None,
            mri_fwhm_mm=fwhm_mm(found.path, visit),
            pet_fwhm_mm=fwhm_mm(own_pet, visit) if own_pet else None,
            mri_session_id=session if session != visit[1] else None,
            age=person.age,
            sex=person.sex,
        )
        labels[subject.name] = label
        subjects.append(subject)
    if people:
        findings.notes.extend(describe_labels(labels, people))
    if subjects and parse_name(subjects[0].mri).is_modulated:
        findings.notes.append("GM map: the modulated one is read, whose values are volumes, not probabilities")
    return subjects


def _note_sessions_by_name(findings: Findings) -> None:
    paths = findings.by_name
    if paths:
        findings.notes.append(
            f"{counted(len(paths), 'file')} in folders without a session, of the sessions that their names say "
            f"({listing(path.name for path in paths[:2])})"
        )


def without_mri(listed: Sequence[str], mri: Mapping[Visit, Sequence[Candidate]], findings: Findings) -> tuple[str, ...]:
    """The participants that no GM map belongs to, which is noted."""
    with_mri = {visit[0] for visit, found in mri.items() if found}
    missing = tuple(participant_id for participant_id in listed if participant_id not in with_mri)
    if missing:
        findings.notes.append(f"Left out: {counted(len(missing), 'participant')} without a GM map ({listing(missing)})")
    return missing
