"""The product: settings, pages and commands that put the floors below together."""
