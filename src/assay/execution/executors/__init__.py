"""Executors, which train jobs. Each is one file of this package that registers itself."""
