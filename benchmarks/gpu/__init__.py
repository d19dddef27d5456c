"""Everything that needs a GPU, in one command of less than ten minutes."""
