"""The web pages of `assay serve`, which show a store in a browser and can start studies.

`shelf` reads the store, `views` turns records into the content of pages, `stream` reports changes,
`drivers` starts and stops training, `guard` rejects unauthorised requests, and `server` connects
them. `static` holds the pages themselves; they need no build step and no other host.
"""
