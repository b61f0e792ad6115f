"""Workers of a search: light processes that ask, start the heavy door, and tell; here or as jobs of a cluster."""
