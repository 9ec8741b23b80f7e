"""The agency-side tool: no database, generated exports only."""
