"""Networks as data: layers, initializers, and families that turn options into layers."""
