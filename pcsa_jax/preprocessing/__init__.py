"""Raw scans of a data set to a cohort, with the page to look at, and the check of a cohort."""
