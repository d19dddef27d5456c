"""The paper's experiments and what was added to them: reproduction, classification, disease."""
