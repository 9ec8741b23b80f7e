"""How files come in: a bundle of the agency tool, or an agency's own spreadsheet, becomes rows of ours.

`bundle` and `sheet` read what is untrusted, `staging` holds it to its columns in SQL, `nouns` says what
becomes of it, `intake` does it piece by piece as a job. Decisions: docs/adr/0009-how-files-become-stages.md.
"""
