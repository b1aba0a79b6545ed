from ._minibatches import (
    GradientMagnitudes as GradientMagnitudes,
    minibatch_gradients as minibatch_gradients,
)
from ._onset import (
    Onset as Onset,
    Onsets as Onsets,
    onset_from_alignment as onset_from_alignment,
    onset_from_loss as onset_from_loss,
)
from ._overlap import (
    ReplicaOverlap as ReplicaOverlap,
    replica_overlap as replica_overlap,
)
from ._phases import (
    UpdateAlignment as UpdateAlignment,
    alignment_lags as alignment_lags,
    update_alignment as update_alignment,
)
from ._registry import (
    OBSERVABLES as OBSERVABLES,
    Observable as Observable,
    Request as Request,
    observe as observe,
)
from ._tails import (
    NoiseTails as NoiseTails,
    noise_tails as noise_tails,
)
