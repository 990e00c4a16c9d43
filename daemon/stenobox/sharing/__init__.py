"""Sharing: what is another's and may be read all the same, by an account or by whoever has a link."""
