"""Does it keep the disease? Regional effects, planted lesions and z-maps of a run, and of all folds of a row."""
