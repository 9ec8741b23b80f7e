"""What the pages ask: forms as data where the answers come from picklists, one file a noun.

Nothing here reads a client or writes a row: views hand the answers to `referrals.actions`.
"""
