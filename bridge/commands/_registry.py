"""The commands of `agescape`: where each is, and what `agescape --help` says of it without importing it."""

from typing import NamedTuple

LANDSCAPE, MOTION, BOTH, FILES, PAPER = (
    "The landscape", "The motion", "Where SGD is in the landscape", "Files", "The paper",
)  # fmt: skip


class Entry(NamedTuple):
    """Where the function of a command is, its group, and its description in a line."""

    function: str  # module:function below bridge.commands
    panel: str
    help: str


COMMANDS = {
    "explore": Entry("explore:explore", LANDSCAPE, "Find minima and transition states and store them in a database."),
    "verify": Entry("verify:verify", LANDSCAPE, "Recompute every certificate of a database."),
    "graph": Entry("graph:graph", LANDSCAPE, "Draw the disconnectivity graph and measure how funneled it is."),
    "path": Entry("path:path", LANDSCAPE, "Draw the loss along the pathway between two minima."),
    "kinetics": Entry("kinetics:kinetics", LANDSCAPE, "Measure barriers, rates and committors between minima."),
    "geometry": Entry("geometry:geometry", LANDSCAPE, "Compare the curvature of the minima with how they generalize."),
    "train": Entry("train:train", MOTION, "Train an ensemble of networks and record their trajectories."),
    "schedule": Entry("schedule:schedule", MOTION, "Print the steps at which to save a run that is trained elsewhere."),
    "age": Entry("age:age", MOTION, "Measure displacement, aging times t*(tw) and the exponent mu."),
    "observe": Entry("observe:observe", MOTION, "Measure layers, symmetry, outputs, overlap and minibatch gradients."),
    "curvature": Entry("curvature:curvature", MOTION, "Measure Hessian spectra, gradients and gradient noise."),
    "study": Entry("study:study", BOTH, "Run the whole pipeline for several architectures and write a report."),
    "overlay": Entry("overlay:overlay", BOTH, "Map snapshots to minima and draw the visits on the graph."),
    "explain": Entry("explain:explain_aging", BOTH, "Tell whether relaxation or hops between basins explain aging."),
    "compare": Entry("compare:compare", BOTH, "Compare the number of minima with mu across studies."),
    "info": Entry("info:info", FILES, "Summarize a database, a file of runs or a data set."),
    "data": Entry("data:app", FILES, "Make data sets."),
    "merge": Entry("merge:merge", FILES, "Merge databases of the same loss."),
    "import-runs": Entry(
        "import_runs:import_checkpoints", FILES, "Make a file of runs from checkpoints of any training."
    ),
    "export": Entry("export:export_landscape", FILES, "Write a landscape for other programs: npz, GraphML, PyGT, ..."),
    "import": Entry("import_:import_database", FILES, "Make a database from a file of another program."),
    "reproduce": Entry("reproduce:reproduce", PAPER, "Reproduce a figure of the paper beside the published numbers."),
}
