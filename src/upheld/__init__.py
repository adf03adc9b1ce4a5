"""upheld: one privacy policy, carried out by everything that handles personal data."""

__version__ = "0.1.0"
