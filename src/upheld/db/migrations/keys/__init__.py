"""Migrations of the keys store."""
