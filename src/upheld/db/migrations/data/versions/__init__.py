"""Revisions of the data store, one file each."""
