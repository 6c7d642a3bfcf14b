"""Sums over all elements."""
from references import reference


@reference("SumElements")
def sum_elements(args, x):
    return x.mean() if args.get("average") else x.sum()


@reference("SumSqrElements")
def sum_sqr_elements(args, x):
    return (x * x).mean() if args.get("average") else (x * x).sum()
