"""What exists: one module for each stage from a listing to the published search corpus."""
