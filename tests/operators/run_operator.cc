#include "tests/operators/run_operator.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/op_check.h"
#include "core/registry.h"

namespace headrace::testing {
namespace {

constexpr size_t kGuardBytes = 64;
constexpr unsigned char kGuard = 0xA5;

/// An output with a guard behind it, filled with a pattern that is NaN as a float.
Tensor guarded(const TensorDesc& desc) {
  if (desc.dtype == DType::kString) return Tensor(desc.shape, desc.dtype);
  auto buffer = allocate(desc.bytes() + kGuardBytes);
  std::memset(buffer->data(), 0xFF, desc.bytes());
  std::memset(static_cast<char*>(buffer->data()) + desc.bytes(), kGuard, kGuardBytes);
  return Tensor(buffer, 0, desc);
}

bool guard_intact(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) return true;
  auto* end = static_cast<const unsigned char*>(tensor.raw()) + tensor.bytes();
  return std::all_of(end, end + kGuardBytes, [](unsigned char byte) { return byte == kGuard; });
}

/// A copy in its own storage, channels-last where asked for.
Tensor copy_as(const Tensor& tensor, Layout layout) {
  if (layout == Layout::kPlain && tensor.dtype() == DType::kString) return tensor.clone();
  Tensor copy = guarded({tensor.dtype(), tensor.shape(), layout});
  reorder(tensor.raw(), tensor.desc(), copy.raw(), copy.desc());
  return copy;
}

bool same_elements(const Tensor& a, const Tensor& b) {
  if (a.dtype() == DType::kString)
    return std::ranges::equal(a.data<std::string>(), b.data<std::string>());
  return std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

/// One run of one operator, from blobs to blobs.
class OperatorRun {
 public:
  OperatorRun(const OperatorDef& def, const std::vector<Blob>& inputs, const RunOptions& options)
      : def_(def),
        options_(options),
        schema_(get_schema(def.type())),
        args_(schema_, def),
        inputs_(inputs) {
    std::vector<std::string> problems = operator_problems(schema_, def);
    for (const std::string& name : args_.unknown()) {
      problems.push_back(fmt::format("unknown argument '{}'", name));
    }
    require(problems.empty(), ErrorCode::kInvalidNet, "{}", fmt::join(problems, "; "));
  }

  template <typename Ask>
  auto ask(bool with_values, Ask question) {
    std::vector<TensorType> types;
    std::vector<const Tensor*> values;
    for (const Blob& blob : inputs_) {
      bool tensor = blob.is_tensor();
      types.push_back(tensor ? TensorType{blob.tensor().dtype(), blob.tensor().shape()}
                             : TensorType{});
      values.push_back(tensor && with_values ? &blob.tensor() : nullptr);
    }
    return question(InferContext{args_, types, def_.output_size(), values});
  }

  std::vector<TensorType> infer(bool with_values = true) {
    return ask(with_values,
               [&](const InferContext& context) { return schema_.infer_types(context); });
  }

  std::vector<Tensor> known_outputs() {
    return ask(false, [&](const InferContext& context) { return schema_.known_outputs(context); });
  }

  std::unique_ptr<Kernel> prepare() {
    types_ = options_.types.empty() ? infer() : options_.types;
    for (int i = 0; i < def_.input_size(); ++i) place_input(i);
    for (int i = 0; i < def_.output_size(); ++i) place_output(i);
    for (const Operand& operand : input_operands_) input_descs_.push_back(*operand.desc);
    // An output nobody reads has no description, as in a plan.
    for (size_t i = 0; i < descs_out_.size(); ++i) {
      output_descs_.push_back(options_.wanted >> i & 1 ? descs_out_[i] : TensorDesc{});
    }
    return prepare_kernel({.schema = schema_,
                           .args = args_,
                           .inputs = input_descs_,
                           .outputs = output_descs_,
                           .wanted = options_.wanted,
                           .width = options_.width,
                           .device = options_.device});
  }

  std::vector<Blob> run() {
    std::unique_ptr<Kernel> kernel = prepare();
    const auto scratch = allocate(kernel->scratch_bytes(), options_.device);
    const auto packed = allocate(kernel->packed_bytes());
    StepState step{.step = options_.step, .seed = options_.seed, .workspace = options_.workspace};
    OpContext context(input_operands_, output_operands_, &step);
    context.scratch = scratch->data();
    context.random_key = random_key(def_.output_size() > 0 ? def_.output(0) : def_.type());
    if (options_.packed && kernel->packed_input() >= 0) {
      kernel->pack(input_operands_[kernel->packed_input()].data, packed->data());
      context.packed = packed->data();
    }
    make_current(options_.device);
    const StreamOwner stream(options_.device);
    context.stream = stream.get();
    upload();
    kernel->launch(context);
    synchronize(stream.get());
    download();
    return collect();
  }

 private:
  /// Moves operands to the device, guards included; those that share storage go on doing so.
  void upload() {
    if (options_.device.is_cpu()) return;
    for (std::vector<Operand>* operands : {&input_operands_, &output_operands_}) {
      for (Operand& operand : *operands) {
        if (operand.data == nullptr) continue;
        const auto& host = operand.blob->tensor().buffer();
        auto& device = on_device_[host];
        if (device == nullptr) {
          device = allocate(host->bytes(), options_.device);
          copy_bytes(device->data(), options_.device, host->data(), Device{}, host->bytes());
        }
        operand.data = device->data();
      }
    }
  }

  void download() {
    for (const auto& [host, device] : on_device_) {
      copy_bytes(host->data(), Device{}, device->data(), options_.device, host->bytes());
    }
  }

  Layout layout_of(bool image, const Shape& shape) const {
    bool last = options_.channels_last && image && shape.rank() >= 3 &&
                schema_.layout_policy() != LayoutPolicy::kPlain;
    return last ? Layout::kChannelsLast : Layout::kPlain;
  }

  void place_input(int i) {
    const Blob& blob = inputs_[i];
    owned_in_.push_back(blob);
    Blob& mine = owned_in_.back();
    TensorDesc desc;
    void* data = nullptr;
    if (blob.is_tensor()) {
      const Tensor& tensor = blob.tensor();
      mine = copy_as(tensor, layout_of(schema_.is_image_input(i, tensor.shape()), tensor.shape()));
      desc = mine.tensor().desc();
      data = mine.tensor().raw();
    }
    descs_in_.push_back(desc);
    input_operands_.push_back({data, &descs_in_.back(), &mine});
  }

  /// The input that output i lives in; -1 when it has storage of its own.
  int storage_of(int i) const {
    for (const OpSchema::Alias& alias : schema_.inplace_pairs()) {
      if (alias.enforced && alias.output == i && alias.input < def_.input_size())
        return alias.input;
    }
    if (options_.inplace && options_.inplace->second == i) return options_.inplace->first;
    if (options_.views) {
      for (const OpSchema::Alias& alias : schema_.views()) {
        if (alias.output == i && alias.input < def_.input_size()) return alias.input;
      }
    }
    return -1;
  }

  void place_output(int i) {
    owned_out_.emplace_back();
    Blob& mine = owned_out_.back();
    shared_.push_back(storage_of(i));
    int shared = shared_.back();
    TensorDesc desc;
    void* data = nullptr;
    if (shared >= 0) mine = owned_in_[shared];
    if (types_[i].complete()) {
      desc = {types_[i].dtype, *types_[i].shape,
              layout_of(schema_.is_image_output(i, *types_[i].shape), *types_[i].shape)};
      if (options_.wanted >> i & 1) {
        if (shared < 0) {
          mine = guarded(desc);
        } else {
          Tensor& input = owned_in_[shared].tensor();
          EXPECT_EQ(input.bytes(), desc.bytes()) << "output " << i << " shares input " << shared;
          mine = Tensor(input.buffer(), 0, desc);
        }
        data = mine.tensor().raw();
      }
    }
    descs_out_.push_back(desc);
    output_operands_.push_back({data, &descs_out_.back(), &mine});
  }

  std::vector<Blob> collect() {
    for (int i = 0; i < def_.input_size(); ++i) {
      if (!owned_in_[i].is_tensor()) continue;
      const Tensor& tensor = owned_in_[i].tensor();
      EXPECT_TRUE(guard_intact(tensor)) << "wrote past the end of input " << i;
      if (std::ranges::find(shared_, i) == shared_.end()) {
        EXPECT_TRUE(same_elements(tensor.plain(), inputs_[i].tensor().plain()))
            << "input " << i << " was changed";
      }
    }
    std::vector<Blob> outputs;
    for (int i = 0; i < def_.output_size(); ++i) {
      Blob& blob = owned_out_[i];
      if (!blob.is_tensor()) {
        outputs.push_back(blob);
        continue;
      }
      if (types_[i].complete()) {
        EXPECT_TRUE(guard_intact(blob.tensor())) << "wrote past the end of output " << i;
      }
      outputs.emplace_back(blob.tensor().plain());
    }
    return outputs;
  }

  const OperatorDef& def_;
  const RunOptions& options_;
  const OpSchema& schema_;
  Args args_;
  const std::vector<Blob>& inputs_;
  std::vector<TensorType> types_;
  // Operands point into these, hence deques.
  std::deque<Blob> owned_in_;
  std::deque<Blob> owned_out_;
  std::deque<TensorDesc> descs_in_;
  std::deque<TensorDesc> descs_out_;
  std::vector<TensorDesc> input_descs_;
  std::vector<TensorDesc> output_descs_;
  std::vector<Operand> input_operands_;
  std::vector<Operand> output_operands_;
  std::vector<int> shared_;
  std::map<std::shared_ptr<Buffer>, std::shared_ptr<Buffer>> on_device_;  // by host buffer
};

}  // namespace

std::vector<Blob> run_operator(const OperatorDef& def, const std::vector<Blob>& inputs,
                               const RunOptions& options) {
  return OperatorRun(def, inputs, options).run();
}

void run_in(Environment& environment, const OperatorDef& def) {
  std::vector<Blob> inputs;
  for (const std::string& name : def.input()) {
    auto found = environment.find(name);
    require(found != environment.end(), ErrorCode::kNotFound, "no blob '{}' for {}", name,
            def.type());
    inputs.push_back(found->second);
  }
  RunOptions options;
  for (int out = 0; out < def.output_size(); ++out) {
    for (int in = 0; in < def.input_size(); ++in) {
      if (def.input(in) == def.output(out) && get_schema(def.type()).allows_inplace(in, out)) {
        options.inplace = {in, out};
      }
    }
  }
  std::vector<Blob> outputs = run_operator(def, inputs, options);
  for (int i = 0; i < def.output_size(); ++i) environment[def.output(i)] = outputs[i];
}

std::vector<TensorType> infer(const OperatorDef& def, const std::vector<Blob>& inputs) {
  RunOptions options;
  return OperatorRun(def, inputs, options).infer();
}

std::vector<TensorType> infer_without_values(const OperatorDef& def,
                                             const std::vector<Blob>& inputs) {
  RunOptions options;
  return OperatorRun(def, inputs, options).infer(/*with_values=*/false);
}

std::vector<Tensor> known_outputs(const OperatorDef& def, const std::vector<Blob>& inputs) {
  RunOptions options;
  return OperatorRun(def, inputs, options).known_outputs();
}

bool can_prepare(const OperatorDef& def, const std::vector<Blob>& inputs) {
  RunOptions options;
  try {
    OperatorRun(def, inputs, options).prepare();
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kTypeMismatch || error.code() == ErrorCode::kUnsupported) {
      return false;
    }
    throw;
  }
}

}  // namespace headrace::testing
