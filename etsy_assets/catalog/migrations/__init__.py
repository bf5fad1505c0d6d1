"""The catalog's schema, step by step. A new step is a new file in versions/; a published one never changes."""
