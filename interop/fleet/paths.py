"""Where things are: the folder `interop` and the root of the repository."""
import os

INTEROP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(INTEROP)
