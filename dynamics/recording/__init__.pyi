from ._callbacks import (
    keras_callback as keras_callback,
    lightning_callback as lightning_callback,
)
from ._joining import (
    join_recordings as join_recordings,
)
from ._recorder import (
    Recorder as Recorder,
)
from ._schedule import (
    RecordingSchedule as RecordingSchedule,
)
