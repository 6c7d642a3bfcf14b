#pragma once

#include <utility>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "core/error.h"
#include "core/thread_pool.h"
#include "operators/dnnl/primitive.h"
#include "operators/image.h"

/// For the sources of this folder alone: descriptions of operands and primitives in oneDNN's terms,
/// for its versions 2 and 3.
namespace headrace {

struct Primitive::Impl {
  struct Operand {
    int id;
    dnnl::memory::desc desc;
  };
  dnnl::primitive primitive;
  std::vector<Operand> operands;
  dnnl::memory::desc scratchpad;
  int width;
};

dnnl::engine& dnnl_engine();

/// Scratch memory is ours.
dnnl::primitive_attr user_scratchpad();

/// A float32 tensor with the first axis outermost.
dnnl::memory::desc plain_desc(const dnnl::memory::dims& dims);
/// A float32 tensor whose elements are these strides apart.
dnnl::memory::desc strided_desc(const dnnl::memory::dims& dims, const dnnl::memory::dims& strides);
/// A float32 tensor in the physical order that the primitive likes best.
dnnl::memory::desc any_desc(const dnnl::memory::dims& dims);
/// An image with dimensions n, c, spatial.
dnnl::memory::desc image_desc(const ImageShape& image, bool channels_last);

#if DNNL_VERSION_MAJOR >= 3
template <typename P, typename... Description>
typename P::primitive_desc describe(const Description&... description) {
  return typename P::primitive_desc(dnnl_engine(), description..., user_scratchpad());
}
template <typename P, typename Hint, typename... Description>
typename P::primitive_desc describe_backward(const Hint& hint, const Description&... description) {
  return typename P::primitive_desc(dnnl_engine(), description..., hint, user_scratchpad());
}
#else
template <typename P, typename... Description>
typename P::primitive_desc describe(const Description&... description) {
  return typename P::primitive_desc(typename P::desc(description...), user_scratchpad(),
                                    dnnl_engine());
}
template <typename P, typename Hint, typename... Description>
typename P::primitive_desc describe_backward(const Hint& hint, const Description&... description) {
  return typename P::primitive_desc(typename P::desc(description...), user_scratchpad(),
                                    dnnl_engine(), hint);
}
#endif

/// Makes the primitive `P` of a description, which must live at the width it was made at.
template <typename P, typename Description>
Primitive make_primitive(const Description& description, int width,
                         std::vector<Primitive::Impl::Operand> operands) {
  return Primitive(std::make_shared<const Primitive::Impl>(
      Primitive::Impl{P(description), std::move(operands), description.scratchpad_desc(), width}));
}

/// Copies between two physical orders; empty when they are the same.
Primitive make_reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, int width);

/// Runs `make`, which describes and makes primitives, at a width, and turns oneDNN's errors into
/// ours: `what` says what could not be made.
template <typename F>
void make_at_width(int width, const char* what, F make) {
  run_at_width(width, [&] {
    try {
      make();
    } catch (const dnnl::error& error) {
      fail(ErrorCode::kUnsupported, "oneDNN cannot make {}: {}", what, error.what());
    }
  });
}

}  // namespace headrace
