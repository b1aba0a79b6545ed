"""Newton steps that lower the highest loss of a path, with more images where it is high and bends."""

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.search._flux import SAMPLES, Curvature, Polygon, solve_blocks, survey

Array = NDArray[np.float64]

HOTTEST = 0.3  # temperature at the beginning, over the height of the path above its higher end
COOLER = 1.3  # factor between two temperatures
SMALL = 0.3  # of the temperature: a step that gains less ends the work at this temperature
BULGE = 0.2  # of the temperature: a piece that rises by more above both its ends gets an image there
NEAR_TOP = 3.0  # temperatures below the highest point: lower pieces are left as they are
STIFFNESS = 1.0  # of the springs: energy of a straight line in temperatures is half of it
LONGEST = 1.4  # longest step of an image, over the mean length of a piece of the first path
DAMPING = 1e-3  # at the beginning, over the constant of the springs
TRIALS = 8  # lengths of a step to try
FINEST = 1e-12  # relative to the height of the first path: lower ones are rounding
SETTLED, PATIENCE = (
    0.03,
    10,
)  # so many steps that lower the path by less than this share of the lowest temperature end it


class Search:
    """Newton steps of a polygon at decreasing temperatures."""

    def __init__(self, loss: Loss, images: Array, tolerance: float, max_images: int) -> None:
        self.loss, self.tolerance, self.max_images = loss, tolerance, max_images
        self.polygon = self.best = Polygon.through(loss, images)
        if not self.polygon.finite:
            msg = "the loss is not finite on the first path; choose ends with smaller parameters"
            raise FloatingPointError(msg)
        length = max(float(np.linalg.norm(np.diff(images, axis=0), axis=1).sum()), np.finfo(float).tiny)
        self.square, self.piece = length * length, length / (len(images) - 1)
        self.curvature = Curvature(loss, self.piece)
        self.evaluations, self.done = len(self.polygon.values), 0
        self.maxima = survey(loss, self.polygon)
        self.highest = float(self.maxima[0].max())
        self.settled_at, self.idle = self.highest, 0
        self.base = float(max(self.polygon.values[0], self.polygon.values[-1]))
        self.rounding = FINEST * float(np.abs(self.polygon.values).max())
        self.temperature, self.damping = HOTTEST * (self.highest - self.base), DAMPING
        self.sinks = self.highest - self.base > self.rounding

    def step(self) -> None:
        """Move all images once; lower the temperature, or insert images, when that gained little."""
        self.done += 1
        height = max(self.highest - self.base, self.rounding)
        coldest = self.tolerance * height
        self.temperature = max(coldest, min(self.temperature, HOTTEST * height))
        spring = STIFFNESS * self.temperature * (len(self.polygon.images) - 1) / self.square
        before, weights = self.polygon.functional(self.temperature, spring)
        slope, way = self._newton(weights, spring)
        foreseen = -float((slope * way).sum())
        trial, gain, trials = self._line_search(before, way, foreseen, spring)
        if trial is not None:
            self._move_to(trial)
        self._adapt(trials)
        if foreseen < SMALL * self.temperature or (trials < 2 and gain < SMALL * self.temperature):
            self._insert()
            self.temperature /= COOLER
        self._settle(coldest, trials)

    def _settle(self, coldest: float, trials: int) -> None:
        """Converged once the lowest path has hardly sunk for some steps that no lower temperature can lengthen."""
        if self.settled_at - self.highest > SETTLED * coldest or (self.temperature > coldest and trials < 2):
            self.settled_at, self.idle = self.highest, 0
        self.idle += 1
        self.sinks = self.idle < PATIENCE

    def _newton(self, weights: Array, spring: float) -> tuple[Array, Array]:
        """Slope (K - 2, P) of the functional and the step.

        The model of the second derivatives lacks the term -g g^T / T of the whole functional, of rank one: by the
        formula of Sherman and Morrison it makes the step longer.
        """
        slope = self.polygon.slope(weights, spring)
        diagonal, beside = self.curvature.blocks(self.polygon, weights, self.temperature, spring)
        diagonal += self.damping * spring * np.eye(slope.shape[1])
        way = -solve_blocks(diagonal, beside, slope)
        lacking = -float((self.polygon.slope(weights, 0.0) * way).sum()) / self.temperature
        way /= max(1.0 - lacking, 0.1)
        longest = float(np.linalg.norm(way, axis=1).max())
        return slope, way * min(1.0, LONGEST * self.piece / max(longest, np.finfo(float).tiny))

    def _line_search(
        self, before: float, way: Array, foreseen: float, spring: float
    ) -> tuple[Polygon | None, float, int]:
        """The first polygon along `way` that lowers the functional enough, by how much, and the number of rejected."""
        length = 1.0
        for trials in range(TRIALS):
            images = self.polygon.images.copy()
            images[1:-1] += length * way
            trial = Polygon.through(self.loss, images)
            self.evaluations += len(trial.values)
            gain = before - trial.functional(self.temperature, spring)[0] if trial.finite else -np.inf
            if gain > 0.1 * length * foreseen:
                return trial, gain, trials
            length *= min(0.5, max(0.1, 0.5 * length * foreseen / (length * foreseen - gain)))
        return None, 0.0, TRIALS

    def _move_to(self, polygon: Polygon) -> None:
        """Survey a path that seems lower than any before: cubics between few samples can miss a peak."""
        self.polygon, self.maxima = polygon, None
        if polygon.estimate < self.highest:
            highest = float(self._survey()[0].max())
            if highest < self.highest:
                self.best, self.highest = polygon, highest

    def _survey(self) -> tuple[Array, Array]:
        if self.maxima is None:
            self.maxima = survey(self.loss, self.polygon)
            self.evaluations += len(self.polygon.values) - 1
        return self.maxima

    def _adapt(self, trials: int) -> None:
        """More damping after a step that had to be shortened, fresh Hessians after a bad one."""
        if trials >= 3:
            self.curvature.forget()
        if trials >= 2:
            self.damping = max(5.0 * self.damping, 0.1)
        elif trials == 0:
            self.damping = max(self.damping / 3.0, 1e-4)

    def _insert(self) -> None:
        """Insert an image at the top of each high piece that bulges."""
        polygon, (highest, at) = self.polygon, self._survey()
        tops, shares = highest.max(axis=1), at[np.arange(len(at)), highest.argmax(axis=1)]
        images = polygon.values[::SAMPLES]
        bulging = tops > np.maximum(images[:-1], images[1:]) + BULGE * self.temperature
        pieces = np.flatnonzero(bulging & (tops > tops.max() - NEAR_TOP * self.temperature))
        pieces = pieces[: max(self.max_images + 2 - len(polygon.images), 0)]
        if pieces.size:
            new = polygon.images[pieces] + shares[pieces, None] * np.diff(polygon.images, axis=0)[pieces]
            self.curvature.split(pieces)
            polygon = Polygon.through(self.loss, np.insert(polygon.images, pieces + 1, new, axis=0))
            self.evaluations += len(polygon.values)
            self._move_to(polygon)
