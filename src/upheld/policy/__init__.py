"""The heart: a policy folder in, one frozen value out.

It promises that what people were told and what machines decide are the same value, and reads no clock,
no database and no network.
"""
