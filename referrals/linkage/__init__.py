"""Who is the same person at several agencies, decided from tokens that say nothing by themselves.

Everything below stands alone: no Django, no database, no clock, no network.
"""
