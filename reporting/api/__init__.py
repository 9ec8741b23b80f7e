"""Numbers through the API: the agency's own exact figures, and the network's protected releases."""
