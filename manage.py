#!/usr/bin/env python3
"""The command line of the hub; `./dev manage …` calls it inside the project's own environment."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "casehub.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
