#include "operators/dnnl/primitive.h"

#include <array>

#include "core/error.h"
#include "core/thread_pool.h"
#include "operators/dnnl/describe.h"

namespace headrace {
namespace {

constexpr size_t kMaxArguments = 8;

void check(dnnl_status_t status, const char* what) {
  require(status == dnnl_success, ErrorCode::kInternal, "oneDNN failed to {}: status {}", what,
          static_cast<int>(status));
}

/// A CPU stream has no state; this one serves all threads.
dnnl::stream& stream() {
  static dnnl::stream instance(dnnl_engine());
  return instance;
}

/// Arguments of one execution. The C interface, because its C++ wrapping would allocate for each
/// operand in our code, beside what the library allocates.
class Arguments {
 public:
  Arguments() = default;
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;
  ~Arguments() {
    for (int i = 0; i < count_; ++i) dnnl_memory_destroy(arguments_[i].memory);
  }

  void add(int id, const dnnl::memory::desc& desc, const void* data) {
    require(static_cast<size_t>(count_) < kMaxArguments, ErrorCode::kInternal,
            "a oneDNN primitive with more than {} operands", size_t{kMaxArguments});
#if DNNL_VERSION_MAJOR >= 3
    const auto raw = desc.get();
#else
    const auto raw = &desc.data;
#endif
    dnnl_memory_t memory = nullptr;
    check(dnnl_memory_create(&memory, raw, dnnl_engine().get(), const_cast<void*>(data)),
          "describe an operand");
    arguments_[count_++] = {id, memory};
  }

  void execute(const dnnl::primitive& primitive) const {
    check(dnnl_primitive_execute(primitive.get(), stream().get(), count_, arguments_.data()),
          "run a primitive");
  }

 private:
  std::array<dnnl_exec_arg_t, kMaxArguments> arguments_;
  int count_ = 0;
};

dnnl::memory::dims plain_strides(const dnnl::memory::dims& dims) {
  dnnl::memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

}  // namespace

size_t Primitive::scratch_bytes() const { return impl_ ? impl_->scratchpad.get_size() : 0; }

void Primitive::run(std::initializer_list<Argument> arguments, void* scratch) const {
  run_at_width(impl_->width, [&] {
    Arguments bound;
    for (const Impl::Operand& operand : impl_->operands) {
      for (const Argument& argument : arguments) {
        if (argument.id == operand.id) bound.add(operand.id, operand.desc, argument.data);
      }
    }
    if (scratch_bytes() > 0) bound.add(DNNL_ARG_SCRATCHPAD, impl_->scratchpad, scratch);
    bound.execute(impl_->primitive);
  });
}

dnnl::engine& dnnl_engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::memory::desc plain_desc(const dnnl::memory::dims& dims) {
  return strided_desc(dims, plain_strides(dims));
}

dnnl::memory::desc strided_desc(const dnnl::memory::dims& dims, const dnnl::memory::dims& strides) {
  return {dims, dnnl::memory::data_type::f32, strides};
}

dnnl::memory::desc any_desc(const dnnl::memory::dims& dims) {
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

dnnl::memory::desc image_desc(const ImageShape& image, bool channels_last) {
  dnnl::memory::dims dims = {image.n, image.c};
  dims.insert(dims.end(), image.size.begin() + first_axis(image.axes), image.size.end());
  dnnl::memory::dims strides = plain_strides(dims);
  if (channels_last) {
    strides[1] = 1;
    for (size_t axis = 2; axis < dims.size(); ++axis) strides[axis] *= image.c;
  }
  return strided_desc(dims, strides);
}

Primitive make_reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, int width) {
  if (from == to) return {};
  const dnnl::reorder::primitive_desc description(dnnl_engine(), from, dnnl_engine(), to,
                                                  user_scratchpad());
  return make_primitive<dnnl::reorder>(description, width,
                                       {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

}  // namespace headrace
