"""Databases in the formats of other programs, and from them.

Nothing that reads a file runs what is in it, and every file appears whole or not at all.
"""

from landscape.interchange.certification import Candidates as Candidates
from landscape.interchange.certification import Imported as Imported
from landscape.interchange.certification import PointStatus as PointStatus
from landscape.interchange.graphml import export_graphml as export_graphml
from landscape.interchange.graphml import import_graphml as import_graphml
from landscape.interchange.npz import Restored as Restored
from landscape.interchange.npz import export_npz as export_npz
from landscape.interchange.npz import import_npz as import_npz
from landscape.interchange.pathsample import export_pathsample as export_pathsample
from landscape.interchange.pathsample import import_pathsample as import_pathsample
from landscape.interchange.pathsample import read_pathsample as read_pathsample
from landscape.interchange.pele_files import import_pele as import_pele
from landscape.interchange.pele_files import read_pele as read_pele
