"""How dates and numbers are written, by language, where Django's own way would mislead a reader here."""
