"""The core of all other packages: errors, random streams, YAML, records, the store, plugins."""
