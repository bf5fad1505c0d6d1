"""The search corpus at scale: see benchmarks/corpus/__main__.py."""
