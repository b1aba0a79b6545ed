"""Every way down: quench, gradient flow, downhill paths, loss profiles and the highest point of a path.

`quench` takes a point to its minimum, by L-BFGS and Newton or along the gradient flow; `quench_along` does so for
consecutive points of a run. `follow_down` follows the flow from both sides of a transition state, `loss_profile`
samples the loss along such paths, `highest_point` finds the highest one on any path.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
