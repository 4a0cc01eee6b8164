"""For other programs: an HTTP interface under /api/v1 and an MCP server, both faces of ``qa.assistant``."""
