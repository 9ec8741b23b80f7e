"""The front door's own pages: getting in, an agency's affairs, its ledger, the network, the hub's health.

Pages about clients stand in referrals/web, figures in reporting/web. This folder may know all three floors.
"""
