#include "tests/operators/damage.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/gradients.h"
#include "tests/operators/sample.h"
#include "tests/operators/tensor_json.h"

namespace headrace::testing {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

/// The elements of a tensor over and over, in another shape and type.
Tensor remade(const Tensor& from, const Shape& shape, DType dtype) {
  Tensor to(shape, dtype);
  for (int64_t i = 0; i < to.numel(); ++i) {
    const bool text = from.dtype() == DType::kString;
    if (dtype == DType::kString) {
      to.data<std::string>()[i] = text && from.numel() > 0
                                      ? from.data<std::string>()[i % from.numel()]
                                      : std::string("text");
    } else {
      set_element(to, i, text || from.numel() == 0 ? 1 : element(from, i % from.numel()));
    }
  }
  return to;
}

class Damager {
 public:
  explicit Damager(const GoodUse& use) : use_(use), schema_(get_schema(use.def.type())) {}

  std::vector<Damage> all() {
    counts();
    for (int i = 0; i < use_.def.input_size(); ++i) {
      if (use_.inputs[i].is_tensor()) input(i);
    }
    empty_together();
    for (const ArgSpec& spec : schema_.args()) argument(spec);
    return std::move(damages_);
  }

 private:
  Damage& add(DamageKind kind, std::string name) {
    return damages_.emplace_back(Damage{kind, std::move(name), use_.def, use_.inputs});
  }

  void counts() {
    if (use_.def.input_size() > 0) {
      Damage& fewer = add(DamageKind::kInputCount, "one input less");
      fewer.def.mutable_input()->RemoveLast();
      fewer.inputs.pop_back();
      Damage& more = add(DamageKind::kInputCount, "one input more");
      more.def.add_input("extra");
      more.inputs.push_back(use_.inputs.back());
    }
    if (use_.def.output_size() > 0) {
      add(DamageKind::kOutputCount, "one output less").def.mutable_output()->RemoveLast();
      add(DamageKind::kOutputCount, "one output more").def.add_output("extra");
    }
  }

  void input(int i) {
    const Tensor& tensor = use_.inputs[i].tensor();
    const std::vector<int64_t> dims(tensor.shape().begin(), tensor.shape().end());
    auto reshaped = [&](DamageKind kind, const std::string& how, std::vector<int64_t> other) {
      add(kind, fmt::format("input {} {}", i, how)).inputs[i] =
          Blob(remade(tensor, Shape(other), tensor.dtype()));
    };
    for (DType type : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64,
                       DType::kUInt8, DType::kBool, DType::kString}) {
      if (type == tensor.dtype()) continue;
      add(DamageKind::kType, fmt::format("input {} as {}", i, name_of(type))).inputs[i] =
          Blob(remade(tensor, tensor.shape(), type));
    }
    std::vector<int64_t> other = dims;
    if (dims.size() < Shape::kMaxRank) {
      other.insert(other.begin(), 1);
      reshaped(DamageKind::kRank, "with an axis more", other);
    }
    if (dims.size() >= 2) {
      other.assign(dims.begin() + 1, dims.end());
      other[0] *= dims[0];
      reshaped(DamageKind::kRank, "with an axis less", other);
    }
    if (!dims.empty()) reshaped(DamageKind::kRank, "without axes", {});
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      for (int change : {1, -1}) {
        other = dims;
        other[axis] += change;
        if (other[axis] < 1) continue;
        reshaped(DamageKind::kSize,
                 fmt::format("axis {} {}", axis, change > 0 ? "longer" : "shorter"), other);
      }
      if (dims[axis] == 0) continue;
      other = dims;
      other[axis] = 0;
      reshaped(DamageKind::kEmpty, fmt::format("axis {} empty", axis), other);
    }
  }

  /// The same axis of all inputs that have the first one's size there: an empty batch, no channels.
  void empty_together() {
    if (use_.inputs.size() < 2 || !use_.inputs[0].is_tensor()) return;
    const Shape& first = use_.inputs[0].tensor().shape();
    for (int axis = 0; axis < first.rank(); ++axis) {
      if (first[axis] == 0) continue;
      Damage& damage = add(DamageKind::kEmpty, fmt::format("axis {} of all empty", axis));
      for (Blob& blob : damage.inputs) {
        if (!blob.is_tensor()) continue;
        const Tensor& tensor = blob.tensor();
        if (tensor.shape().rank() <= axis || tensor.shape()[axis] != first[axis]) continue;
        std::vector<int64_t> dims(tensor.shape().begin(), tensor.shape().end());
        dims[axis] = 0;
        blob = Blob(remade(tensor, Shape(dims), tensor.dtype()));
      }
    }
  }

  void argument(const ArgSpec& spec) {
    const Args args(schema_, use_.def);
    auto with = [&](DamageKind kind, const std::string& how, auto value) {
      Damage& damage = add(kind, fmt::format("argument {} {}", spec.name, how));
      remove_arg(damage.def, spec.name);
      set_arg(damage.def, spec.name, value);
    };
    if (spec.required) {
      remove_arg(add(DamageKind::kArgMissing, fmt::format("argument {} missing", spec.name)).def,
                 spec.name);
    }
    const auto wrong = DamageKind::kArgField, odd = DamageKind::kArgValue;
    if (spec.kind == ArgKind::kInt) {
      with(wrong, "as a float", 1.0f);
      with(wrong, "as a text", std::string("1"));
      for (int64_t value : {int64_t{-1}, int64_t{0}, int64_t{7}, kHuge, -kHuge - 1}) {
        with(odd, fmt::format("= {}", value), value);
      }
    } else if (spec.kind == ArgKind::kFloat) {
      with(wrong, "as an integer", int64_t{1});
      for (float value : {-1.0f, 0.0f, std::numeric_limits<float>::infinity(), std::nanf("")}) {
        with(odd, fmt::format("= {}", value), value);
      }
    } else if (spec.kind == ArgKind::kInts) {
      with(wrong, "as an integer", int64_t{1});
      if (!args.has(spec.name)) return;
      const auto given = args.integers(spec.name);
      const std::vector<int64_t> list(given.begin(), given.end());
      std::vector<int64_t> longer = list, shorter = list;
      longer.push_back(1);
      with(odd, "one longer", longer);
      if (list.empty()) return;
      shorter.pop_back();
      with(odd, "one shorter", shorter);
      for (int64_t value : {int64_t{-1}, int64_t{0}, int64_t{7}, kHuge, kHuge / 2, -kHuge - 1}) {
        std::vector<int64_t> all(list.size(), value), last = list;
        last.back() = value;
        with(odd, fmt::format("ends with {}", value), last);
        if (list.size() > 1) with(odd, fmt::format("all {}", value), all);
      }
    } else if (spec.kind == ArgKind::kFloats) {
      with(wrong, "as a float", 1.0f);
      if (!args.has(spec.name)) return;
      const auto given = args.reals(spec.name);
      std::vector<float> longer(given.begin(), given.end());
      longer.push_back(1);
      with(odd, "one longer", longer);
    } else if (spec.kind == ArgKind::kString) {
      with(wrong, "as an integer", int64_t{1});
      with(odd, "= nonsense", std::string("nonsense"));
    }
  }

  const GoodUse& use_;
  const OpSchema& schema_;
  std::vector<Damage> damages_;
};

/// Gradient operators as the samples run them, by type.
const std::map<std::string, std::vector<GoodUse>>& gradient_uses() {
  static const auto uses = [] {
    std::map<std::string, std::vector<GoodUse>> found;
    for (const std::string& type : sampled_types()) {
      for (const Sample& sample : samples_of(type)) {
        if (sample.gradients.empty()) continue;
        const GradientRun run = run_gradient(type, sample, sample.make_inputs(type));
        for (size_t i = 0; i < run.operators.size(); ++i) {
          found[run.operators[i].type()].push_back(
              {fmt::format("gradient of {} '{}'", type, sample.name), run.operators[i],
               run.operands[i]});
        }
      }
    }
    return found;
  }();
  return uses;
}

nlohmann::json to_json(const Argument& arg) {
  auto made = [&](const char* field, auto value) {
    return nlohmann::json{{"name", arg.name()}, {"field", field}, {"value", value}};
  };
  // JSON has no NaN and no infinity: those stand as text.
  if (arg.has_f() && !std::isfinite(arg.f())) return made("f", fmt::format("{}", arg.f()));
  if (arg.has_f()) return made("f", arg.f());
  if (arg.has_i()) return made("i", arg.i());
  if (arg.has_s()) return made("s", arg.s());
  if (arg.floats_size() > 0) {
    return made("floats", std::vector<float>(arg.floats().begin(), arg.floats().end()));
  }
  if (arg.strings_size() > 0) {
    return made("strings", std::vector<std::string>(arg.strings().begin(), arg.strings().end()));
  }
  return made("ints", std::vector<int64_t>(arg.ints().begin(), arg.ints().end()));
}

nlohmann::json to_json(const Damage& damage) {
  const OperatorDef& def = damage.def;
  nlohmann::json entry = {
      {"op", def.type()},
      {"damage", damage.name},
      {"input_names", std::vector<std::string>(def.input().begin(), def.input().end())},
      {"output_names", std::vector<std::string>(def.output().begin(), def.output().end())},
      {"args", nlohmann::json::array()},
      {"inputs", nlohmann::json::array()},
      {"gradients", nlohmann::json::array()},
      {"unchecked", nlohmann::json::array()}};
  for (const Argument& arg : def.arg()) entry["args"].push_back(to_json(arg));
  for (const Blob& blob : damage.inputs) entry["inputs"].push_back(tensor_to_json(blob.tensor()));
  return entry;
}

}  // namespace

const std::vector<GoodUse>& good_uses_of(const std::string& type) {
  static std::map<std::string, std::vector<GoodUse>> uses;
  if (auto found = uses.find(type); found != uses.end()) return found->second;
  std::vector<GoodUse> made;
  for (const Sample& sample : samples_of(type)) {
    made.push_back({sample.name, sample.def(type), sample.make_inputs(type)});
  }
  if (auto found = gradient_uses().find(type); made.empty() && found != gradient_uses().end()) {
    made = found->second;
  }
  return uses[type] = std::move(made);
}

std::vector<Damage> damages_of(const GoodUse& use) { return Damager(use).all(); }

std::vector<AskedUse> asked_uses_of(const std::string& type) {
  constexpr size_t kUses = 2;
  std::vector<AskedUse> asked;
  for (const GoodUse& use : good_uses_of(type)) {
    if (asked.size() == kUses) break;
    if (!std::ranges::all_of(use.inputs, &Blob::is_tensor)) continue;
    AskedUse& entry = asked.emplace_back(use.name);
    for (Damage& damage : damages_of(use)) {
      if (damage.kind <= DamageKind::kEmpty) entry.damages.push_back(std::move(damage));
    }
  }
  return asked;
}

void dump_damages(const std::string& path) {
  nlohmann::json all = nlohmann::json::array();
  for (const std::string& type : operator_types()) {
    // What Caffe2 makes of files and screens is not asked.
    if (!get_schema(type).effect_resource().empty()) continue;
    for (const AskedUse& use : asked_uses_of(type)) {
      for (const Damage& damage : use.damages) {
        nlohmann::json entry = to_json(damage);
        entry["use"] = use.name;
        all.push_back(std::move(entry));
      }
    }
  }
  std::ofstream file(path);
  // Bytes that are no text are asked about as something else, which is damaged as well.
  file << all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  file.close();
  require(file.good(), ErrorCode::kIo, "cannot write {}", path);
}

}  // namespace headrace::testing
