"""What is to be done: the config and its fields, the systems, the networks of a config, its cohort and run folder."""
