"""Paired portraits for training: one person drawn twice, as a photo-like render and as a cartoon.

A pair is a pure function of (group, seed, index):

    person.sample -> shape (morph targets) -> mesh (fitted, posed) -> renderer (photo and cartoon) -> files

Run ``python -m pairs.make --help`` for data sets and ``python -m pairs.sheet --help`` for a contact sheet.
The assets are MakeHuman's, CC0; see ASSETS.md.
"""

GROUPS = ("woman", "man", "kid", "elderly")
