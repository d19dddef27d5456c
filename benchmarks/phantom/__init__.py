"""The built-in cohort held against real heads and measured PET: fits, measures, the page and its pictures."""
