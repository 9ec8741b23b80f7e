"""Pages of the casework: thin doors that ask `queries`, hand answers to `actions`, and decide the words."""
