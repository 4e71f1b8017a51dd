"""An assembler for WebAssembly's text format (version 3.0, threads, and the older exception handling), for tests.

It knows nothing of the project's own tables: its opcodes are written down a second time, from the specification, so
that tests that compare the two find a wrong one. It checks syntax and identifiers, and validates nothing.
"""

from .fields import assemble, assemble_module
from .lexer import WatError, parse

__all__ = ["WatError", "assemble", "assemble_module", "parse"]
