"""Revisions of the keys store, one file each."""
