"""The embedding models: what they are, how they are loaded, and the files that their vectors are kept in."""
