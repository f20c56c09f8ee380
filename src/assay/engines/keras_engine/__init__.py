"""Networks as plain Keras 3 models.

`backend` finds Keras, `calls` says a network, an optimizer and a schedule in Keras's words, once:
`build` makes what they say and `code` prints it. `files` reads and writes `.keras` files.
"""
