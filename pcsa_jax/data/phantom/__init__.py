"""The built-in cohort: paired grey-matter maps and FDG-PET that need no download. A phantom; ``docs/phantom.md``."""
