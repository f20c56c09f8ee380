"""Studies: their settings, factors and plan, and in `studies.search` their search spaces."""
