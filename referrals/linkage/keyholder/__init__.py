"""A key holder: a small service of its own that evaluates blinded names under its share of the key, and the
asking side of it. No Django, no database. Why it is as it is: docs/adr/0015-key-holders.md.
"""
