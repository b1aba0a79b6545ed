from ._processes import (
    aging_walk as aging_walk,
    aging_walk_t_star as aging_walk_t_star,
    brownian as brownian,
    drifting_walk as drifting_walk,
    ornstein_uhlenbeck as ornstein_uhlenbeck,
    wandering_walk as wandering_walk,
)
from ._traps import (
    recorded_process as recorded_process,
    recorded_steps as recorded_steps,
    trap_model as trap_model,
    trap_model_displacement as trap_model_displacement,
)
