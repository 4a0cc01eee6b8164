"""Run the command line with ``python -m qa``."""

import sys

from qa.cli import main

sys.exit(main())
