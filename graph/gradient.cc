#include "graph/gradient.h"

#include <algorithm>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/text.h"
#include "graph/gradient_names.h"
#include "graph/gradient_paths.h"
#include "graph/net_values.h"

namespace headrace::graph {
namespace {

OpLocation location(const NetDef& net, int position) {
  const OperatorDef& op = net.op(position);
  return {.net = net.name(), .op_name = op.name(), .op_type = op.type(), .position = position};
}

class GradientPass {
 public:
  GradientPass(NetDef& net, const std::vector<GradientRoot>& roots, const GradientOptions& options)
      : net_(net),
        roots_(roots),
        forward_ops_(net.op_size()),
        values_(net),
        names_(values_.names()),
        gradients_(values_.size()) {
    for (const GradientRoot& root : roots) root_values_.push_back(last_value(root.blob));
    for (const std::string& name : options.with_respect_to) wanted_.push_back(wanted_value(name));
  }

  std::map<std::string, std::string> run() {
    const GradientPaths paths(net_, values_, root_values_, wanted_);
    paths.check_differentiable();
    paths_ = &paths;
    for (size_t i = 0; i < roots_.size(); ++i) seed(roots_[i], root_values_[i]);
    for (int id : root_values_) finish_unless_read(id);
    for (int position = forward_ops_ - 1; position >= 0; --position) {
      if (!paths.is_active(position)) continue;
      try {
        differentiate(position);
      } catch (Error& error) {
        throw error.at(location(net_, position));
      }
      for (int id : values_.inputs(position)) {
        if (paths.first_active_reader(id) == position) finish(id);
      }
    }
    return results();
  }

 private:
  /// The parts of the gradient of one value, and what becomes of them.
  struct Gradient {
    struct Part {
      std::string blob;
      bool owned = false;               // made for this value, not handed on from another one
      int position = NetValues::kNone;  // of the forward operator it comes through
    };
    std::vector<Part> parts;
    std::string blob;  // the whole; empty until finished, or when nothing arrives
    int named = 0;     // parts that asked for a name
  };

  int last_value(const std::string& blob) const {
    int id = values_.last(blob);
    require(id != NetValues::kNone, ErrorCode::kNotFound, "net '{}' has no blob '{}'{}",
            net_.name(), blob, did_you_mean(blob, values_.names()));
    return id;
  }

  int wanted_value(const std::string& blob) const {
    int last = last_value(blob);
    int first = values_.of(blob).front();
    return values_[first].writer == NetValues::kNone ? first : last;
  }

  bool is_wanted(int id) const {
    if (wanted_.empty()) return values_[id].writer == NetValues::kNone;
    return std::ranges::find(wanted_, id) != wanted_.end();
  }

  /// Appends an operator on the device of the forward operator at `position`.
  OperatorDef& append(std::string_view type, int position) {
    OperatorDef* op = net_.add_op();
    op->set_type(std::string(type));
    op->set_is_gradient_op(true);
    if (position != NetValues::kNone && net_.op(position).has_device_option()) {
      *op->mutable_device_option() = net_.op(position).device_option();
    }
    return *op;
  }

  void seed(const GradientRoot& root, int id) {
    std::string blob = root.gradient;
    if (blob.empty()) {
      blob = names_.fresh(root.blob + "_autogen_grad");
      OperatorDef& fill = append("ConstantFill", values_[id].writer);
      fill.add_input(root.blob);
      fill.add_output(blob);
      set_arg(fill, "value", 1.0f);
    }
    names_.reserve(blob);
    names_.hold(blob);
    gradients_[id].parts.push_back({blob, false, values_[id].writer});
  }

  void finish_unless_read(int id) {
    if (paths_->first_active_reader(id) == NetValues::kNone) finish(id);
  }

  void differentiate(int position) {
    const OperatorDef forward = net_.op(position);
    std::vector<std::string> output_gradients;
    for (int id : values_.outputs(position)) output_gradients.push_back(gradients_[id].blob);
    if (std::ranges::all_of(output_gradients, &std::string::empty)) return;
    // From here on their names are free for the gradients of the inputs, as in Caffe2.
    for (const std::string& blob : output_gradients) names_.release(blob);

    std::vector<bool> wanted;
    for (int id : values_.inputs(position)) wanted.push_back(paths_->from_wanted(id));
    const OpSchema& schema = get_schema(forward.type());
    GradientContext context(schema, forward, output_gradients, wanted, [&](int input) {
      return name_part(values_.inputs(position)[input], output_gradients);
    });
    schema.gradient_fn()(context);
    check_forward_values(position, context);
    collect(position, context, output_gradients);
  }

  std::string name_part(int id, const std::vector<std::string>& output_gradients) {
    const std::string& blob = values_[id].name;
    int number = gradients_[id].named++;
    std::string name =
        number == 0 ? blob + "_grad" : "_" + blob + "_grad_autosplit_" + std::to_string(number - 1);
    return names_.claim(name, output_gradients);
  }

  /// Forward values that the gradient of an operator reads must still be there at the end.
  void check_forward_values(int position, const GradientContext& context) const {
    auto check = [&](int id, std::string_view operand, int i) {
      if (values_.is_last(id)) return;
      const std::vector<int>& history = values_.of(values_[id].name);
      int writer = values_[*(std::ranges::find(history, id) + 1)].writer;
      fail(ErrorCode::kInvalidNet,
           "the gradient of {} needs its {} {} '{}', which operator {} (#{}) overwrites; give the "
           "output of that operator another name",
           context.def().type(), operand, i, values_[id].name, net_.op(writer).type(), writer);
    };
    for (int i = 0; i < context.inputs(); ++i) {
      if (context.reads_in(i)) check(values_.inputs(position)[i], "input", i);
    }
    for (int i = 0; i < context.outputs(); ++i) {
      if (context.reads_out(i)) check(values_.outputs(position)[i], "output", i);
    }
  }

  /// Appends the operators of one gradient function and books the gradients it made.
  void collect(int position, const GradientContext& context,
               const std::vector<std::string>& output_gradients) {
    std::vector<OperatorDef> ops = context.operators();
    std::vector<std::string> claimed(context.inputs());
    std::vector<std::string> passed(context.inputs());
    for (int i = 0; i < context.inputs(); ++i) {
      (context.owns_gradient(i) ? claimed : passed)[i] = context.input_gradients()[i];
    }
    names_.fit(ops, claimed, passed, output_gradients);
    for (const OperatorDef& op : ops) *net_.add_op() = op;

    for (int i = 0; i < context.inputs(); ++i) {
      const bool owned = context.owns_gradient(i);
      const std::string& blob = owned ? claimed[i] : passed[i];
      if (blob.empty()) continue;
      if (!owned) names_.hold(blob);
      int id = values_.inputs(position)[i];
      if (paths_->from_wanted(id)) {
        gradients_[id].parts.push_back({blob, owned, position});
      } else {
        names_.release(blob);  // computed by the way, wanted by nobody
      }
    }
  }

  /// Adds up the parts of the gradient of a value once the last one exists.
  void finish(int id) {
    Gradient& gradient = gradients_[id];
    if (gradient.parts.empty() || !gradient.blob.empty()) return;
    // The sum is written over its first term, so that has to be a blob made for this value.
    auto owned = std::ranges::find_if(gradient.parts, &Gradient::Part::owned);
    if (owned != gradient.parts.end()) std::rotate(gradient.parts.begin(), owned, owned + 1);
    const Gradient::Part& first = gradient.parts.front();
    const bool alone = gradient.parts.size() == 1;
    if (alone && (first.owned || !is_wanted(id))) {
      gradient.blob = first.blob;
    } else {
      gradient.blob = first.owned ? first.blob : names_.claim(values_[id].name + "_grad", {});
      OperatorDef& op = append(alone ? "Copy" : "Sum", first.position);
      for (const Gradient::Part& part : gradient.parts) op.add_input(part.blob);
      op.add_output(gradient.blob);
      for (size_t i = first.owned ? 1 : 0; i < gradient.parts.size(); ++i) {
        names_.release(gradient.parts[i].blob);
      }
    }
    if (is_wanted(id)) names_.hold(gradient.blob);  // to the end
  }

  std::map<std::string, std::string> results() const {
    std::map<std::string, std::string> results;
    for (int id = 0; id < values_.size(); ++id) {
      if (!is_wanted(id)) continue;
      if (!gradients_[id].blob.empty()) {
        results[values_[id].name] = gradients_[id].blob;
      } else if (!wanted_.empty()) {
        paths_->fail_unreached(id);
      }
    }
    return results;
  }

  NetDef& net_;
  const std::vector<GradientRoot>& roots_;
  const int forward_ops_;
  const NetValues values_;
  GradientNames names_;
  std::vector<Gradient> gradients_;
  std::vector<int> root_values_;
  std::vector<int> wanted_;
  const GradientPaths* paths_ = nullptr;
};

}  // namespace

std::map<std::string, std::string> add_gradients(NetDef& net,
                                                 const std::vector<GradientRoot>& roots,
                                                 const GradientOptions& options) {
  require(!roots.empty(), ErrorCode::kInvalidArgument,
          "gradients of net '{}' need at least one blob to start from, such as its loss",
          net.name());
  return GradientPass(net, roots, options).run();
}

}  // namespace headrace::graph
