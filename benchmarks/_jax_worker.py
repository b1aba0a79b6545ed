"""SGD in JAX, in its own environment: started by `benchmarks/sgd.py`; reads numbers of steps, answers with seconds.

vmap over replicas of a scanned epoch, jit-compiled, float32: the fast way to write it. The first argument is the
setting as JSON. Seconds are those of the processor, so that threads count.
"""

import itertools
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np


def main():
    setting = json.loads(sys.argv[1])
    sizes, rows, batch, rate, penalty, replicas = (
        setting[k] for k in ("sizes", "rows", "batch", "rate", "penalty", "replicas")
    )
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(rng.uniform(0.5, 2.5, (rows, sizes[0])), jnp.float32)
    labels = jnp.asarray(rng.integers(0, sizes[-1], rows))

    def loss(theta, chosen):
        h, start = inputs[chosen], 0
        for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            kernel = theta[start : start + n_in * n_out].reshape(n_in, n_out)
            h = h @ kernel + theta[start + n_in * n_out : start + (n_in + 1) * n_out]
            h = jnp.tanh(h) if k < len(sizes) - 2 else h
            start += (n_in + 1) * n_out
        entropy = -jax.nn.log_softmax(h)[jnp.arange(batch), labels[chosen]].mean()
        return entropy + penalty * (theta * theta).sum()

    slope = jax.grad(loss)

    def epoch(theta, key):
        order = jax.random.permutation(key, rows).reshape(-1, batch)
        return jax.lax.scan(lambda t, chosen: (t - rate * slope(t, chosen), None), theta, order)[0]

    advance = jax.jit(jax.vmap(epoch))
    n_parameters = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    theta = jnp.asarray(0.3 * rng.normal(size=(replicas, n_parameters)), jnp.float32)
    keys = jax.random.split(jax.random.key(0), replicas)
    advance(theta, keys).block_until_ready()
    print("ready", flush=True)
    for line in sys.stdin:
        epochs = max(1, round(int(line) / (rows // batch) / replicas))
        began, current = time.process_time(), theta
        for _ in range(epochs):
            current = advance(current, keys)
        current.block_until_ready()
        print((time.process_time() - began) / (epochs * replicas * (rows // batch)), flush=True)


if __name__ == "__main__":
    main()
