"""When something deserves attention: rule documents, conditions and the fold over the log. Pure."""
