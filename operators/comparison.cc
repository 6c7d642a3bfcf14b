// Comparisons (EQ, NE, LT, LE, GT, GE) and logic (And, Or, Xor, Not), with both ways of
// broadcasting.

#include "core/registry.h"
#include "operators/binary.h"
#include "operators/map.h"

namespace headrace {
namespace {

using ComparedTypes = Types<float, double, int32_t, int64_t, bool>;
using LogicTypes = Types<bool>;

struct Equal {
  template <typename T>
  static bool apply(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <typename T>
  static bool apply(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <typename T>
  static bool apply(T a, T b) {
    return a < b;
  }
};
struct LessOrEqual {
  template <typename T>
  static bool apply(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <typename T>
  static bool apply(T a, T b) {
    return a > b;
  }
};
struct GreaterOrEqual {
  template <typename T>
  static bool apply(T a, T b) {
    return a >= b;
  }
};
// Without branches, so that their loops are vectorised.
struct And {
  static bool apply(bool a, bool b) { return (a & b) != 0; }
};
struct Or {
  static bool apply(bool a, bool b) { return (a | b) != 0; }
};
struct Xor {
  static bool apply(bool a, bool b) { return a != b; }
};

/// The schema and kernel of one operator whose result is true or false.
template <typename Op, typename TypeList>
struct RegisterPredicate {
  RegisterPredicate(const char* type, const char* doc, bool inplace = false)
      : schema(declared(type, doc, inplace)), kernel(type, prepare_binary<Op, TypeList>) {}

  static OpSchema declared(const char* type, const char* doc, bool inplace) {
    OpSchema schema(type);
    declare_broadcast(schema.doc(doc))
        .input("A")
        .input("B")
        .output("C", "bool")
        .infer(infer_binary<TypeList, DType::kBool>)
        .cost(cost_per_element(1))
        .layout(LayoutPolicy::kFollows)
        .no_gradient();
    if (inplace) schema.inplace(0, 0);
    return schema;
  }

  RegisterOperator schema;
  RegisterCpuKernel kernel;
};

const RegisterPredicate<Equal, ComparedTypes> eq(
    "EQ", "C = A == B, element by element; false where either is NaN.");
const RegisterPredicate<NotEqual, ComparedTypes> ne(
    "NE", "C = A != B, element by element; true where either is NaN.");
const RegisterPredicate<Less, ComparedTypes> lt("LT", "C = A < B, element by element.");
const RegisterPredicate<LessOrEqual, ComparedTypes> le("LE", "C = A <= B, element by element.");
const RegisterPredicate<Greater, ComparedTypes> gt("GT", "C = A > B, element by element.");
const RegisterPredicate<GreaterOrEqual, ComparedTypes> ge("GE", "C = A >= B, element by element.");
const RegisterPredicate<And, LogicTypes> and_operator("And", "C = A and B, element by element.",
                                                      /*inplace=*/true);
const RegisterPredicate<Or, LogicTypes> or_operator("Or", "C = A or B, element by element.",
                                                    /*inplace=*/true);
const RegisterPredicate<Xor, LogicTypes> xor_operator(
    "Xor", "C = either A or B, not both, element by element.", /*inplace=*/true);

template <typename T>
struct Not {
  explicit Not(const Args&) {}
  bool operator()(bool x) const { return !x; }
};
const RegisterOperator not_operator(OpSchema("Not")
                                        .doc("Y = not X, element by element.")
                                        .input("X")
                                        .output("Y")
                                        .inplace(0, 0)
                                        .infer([](const InferContext& context) {
                                          require_type(context, 0, LogicTypes{});
                                          return std::vector<TensorType>{context.inputs[0]};
                                        })
                                        .cost(cost_per_element(1))
                                        .layout(LayoutPolicy::kFollows)
                                        .no_gradient());
const RegisterCpuKernel not_cpu("Not", prepare_function<Not, 1, LogicTypes>);

}  // namespace
}  // namespace headrace
