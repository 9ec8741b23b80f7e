"""The casework through the API: reading what the pages read, recording contacts and services."""
