"""The built-in cohort: paired grey-matter maps and FDG-PET that need no download. A phantom; ``docs/phantom.md``."""

from pcsa_jax.data.phantom.cohort import PHANTOM_VERSION, write_cohort
from pcsa_jax.data.phantom.subject import PhantomSubject, make_subject
from pcsa_jax.data.phantom.traits import Traits, draw_traits

__all__ = ["PHANTOM_VERSION", "PhantomSubject", "Traits", "draw_traits", "make_subject", "write_cohort"]
