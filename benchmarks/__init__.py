"""Side-by-side measurements: each script prints ratios of one run, with correctness checked in the same run."""
