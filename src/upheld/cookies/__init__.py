"""Cookies and tags: what a page makes a browser send. Promises that nothing optional runs before the visitor chose, and that every choice can be proven and taken back."""
