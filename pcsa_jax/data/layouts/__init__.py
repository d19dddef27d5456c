"""Ways in which cohorts lie on disk; each module reads one and has the same three names.

``NAME`` (for messages), ``claim(path)`` (what tells that ``path`` is in this layout, or "") and
``read(path, participants, findings)`` (the visits with a GM map).
"""
