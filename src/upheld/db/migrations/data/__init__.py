"""Migrations of the data store."""
