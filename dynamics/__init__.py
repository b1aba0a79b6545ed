"""The motion on the landscape: ensembles of SGD runs and their aging."""

from dynamics.aging import Aging as Aging
from dynamics.aging import AgingStatus as AgingStatus
from dynamics.aging import Crossover as Crossover
from dynamics.aging import aging as aging
from dynamics.displacement import MeanSquareDisplacement as MeanSquareDisplacement
from dynamics.displacement import mean_square_displacement as mean_square_displacement
from dynamics.ensemble import train as train
from dynamics.noises import NOISES as NOISES
from dynamics.sgd import SGD as SGD
from dynamics.times import WAITING_TIMES as WAITING_TIMES
from dynamics.times import log_lags as log_lags
from dynamics.trajectories import Trajectories as Trajectories
from dynamics.trajectories import load_trajectories as load_trajectories
