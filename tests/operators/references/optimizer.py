"""Momentum with the ratio of learning rates, which Caffe2 does not have: written down from equation (10) of Goyal et
al. 2017 as corrected in its section 3, and Nesterov's step on the corrected buffer."""
from references import reference


def momentum_step(args, gradient, momentum, rate, ratio):
    m = args.get("momentum", 0.0)
    corrected = ratio * momentum
    fresh = m * corrected + rate * gradient
    step = fresh + m * (fresh - corrected) if args.get("nesterov") else fresh
    return step, fresh


@reference("MomentumSGD")
def momentum_sgd(args, gradient, momentum, rate, ratio):
    return momentum_step(args, gradient, momentum, rate, ratio)


@reference("MomentumSGDUpdate")
def momentum_sgd_update(args, gradient, momentum, rate, parameter, ratio):
    step, fresh = momentum_step(args, gradient, momentum, rate, ratio)
    return step, fresh, parameter - step
