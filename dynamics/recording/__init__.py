"""Recording runs in a training loop of your own: when to record, and the recorder.

`Recorder` takes the parameters of a torch module, an array or named arrays at the steps of a `RecordingSchedule`, and
writes a file that `load_trajectories` opens. It survives a kill at any moment. `keras_callback` and
`lightning_callback` call it for you.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
