"""Whether to believe one image: what is fitted on the training people and kept beside a generator."""
