"""Executors: where jobs are trained. Each is one file of this package that registers itself."""
