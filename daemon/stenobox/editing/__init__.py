"""Corrected transcripts: what people make of what the model heard.

Version 1 is the model's and never changes. Each correction is a version of its own, kept whole; the newest is
the current one, which is read, exported and found. Going back to an older one makes a new one too, so nothing
that was ever saved is lost before the transcript itself is deleted.

`lines` says what is accepted and how it is kept, `difference` compares, `versions` is what the rest calls.
"""
