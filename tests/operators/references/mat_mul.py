from . import reference


@reference("MatMul")
def mat_mul(args, a, b):
    def matrix(x, axis, transposed):
        rows = 1
        for size in x.shape[:axis]:
            rows *= size
        x = x.reshape(rows, -1)
        return x.T if transposed else x

    return matrix(a, args.get("axis_a", 1), args.get("trans_a")) @ matrix(b, args.get("axis_b", 1), args.get("trans_b"))
