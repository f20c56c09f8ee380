"""Applications: the command line, the Python interface, the scikit-learn estimator, exporters."""
