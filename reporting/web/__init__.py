"""The pages of this floor: the network's numbers, an agency's own, and its grant reports."""
