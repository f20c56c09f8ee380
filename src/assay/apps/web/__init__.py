"""The web pages of `assay serve`: a store in a browser, and studies started from there.

`shelf` reads the store, `views` turns records into what pages show, `stream` says what is new,
`drivers` starts and stops training, `guard` keeps others out, `server` joins them. `static` holds
the pages themselves; they need no build step and no other host.
"""
