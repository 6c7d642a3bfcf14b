// The oneDNN that headrace is built with works, runs on the threads it was chosen for, and pulls in
// no proprietary run-time library.
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <oneapi/dnnl/dnnl.hpp>

namespace {

using dnnl::memory;

memory make_memory(const memory::dims& dims, memory::format_tag tag, const dnnl::engine& engine,
                   std::vector<float>& values) {
  return memory({dims, memory::data_type::f32, tag}, engine, values.data());
}

// y[o][i][j] = sum over c, u, v of w[o][c][u][v] * x[c][i + u][j + v]
std::vector<float> convolution_by_definition(const std::vector<float>& x,
                                             const std::vector<float>& w, int in, int out, int size,
                                             int kernel) {
  const int result = size - kernel + 1;
  std::vector<float> y(out * result * result);
  for (int o = 0; o < out; ++o)
    for (int i = 0; i < result; ++i)
      for (int j = 0; j < result; ++j)
        for (int c = 0; c < in; ++c)
          for (int u = 0; u < kernel; ++u)
            for (int v = 0; v < kernel; ++v)
              y[(o * result + i) * result + j] += w[((o * in + c) * kernel + u) * kernel + v] *
                                                  x[(c * size + i + u) * size + j + v];
  return y;
}

TEST(OneDnn, ConvolvesByTheDefinition) {
  constexpr int kIn = 16, kOut = 32, kSize = 9, kKernel = 3, kResult = kSize - kKernel + 1;
  std::vector<float> x(kIn * kSize * kSize), w(kOut * kIn * kKernel * kKernel);
  // Small integers: every sum is exact, whatever its order.
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7 % 11) - 5;
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i * 5 % 13) - 6;
  std::vector<float> y(kOut * kResult * kResult);

  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  auto source = make_memory({1, kIn, kSize, kSize}, memory::format_tag::nchw, engine, x);
  auto weights = make_memory({kOut, kIn, kKernel, kKernel}, memory::format_tag::oihw, engine, w);
  auto destination = make_memory({1, kOut, kResult, kResult}, memory::format_tag::nchw, engine, y);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_forward::primitive_desc description(
      engine, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      source.get_desc(), weights.get_desc(), destination.get_desc(), {1, 1}, {0, 0}, {0, 0});
#else
  const dnnl::convolution_forward::primitive_desc description({dnnl::prop_kind::forward_inference,
                                                               dnnl::algorithm::convolution_direct,
                                                               source.get_desc(),
                                                               weights.get_desc(),
                                                               destination.get_desc(),
                                                               {1, 1},
                                                               {0, 0},
                                                               {0, 0}},
                                                              engine);
#endif
  dnnl::convolution_forward(description)
      .execute(stream,
               {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, destination}});
  stream.wait();

  EXPECT_EQ(y, convolution_by_definition(x, w, kIn, kOut, kSize, kKernel));
}

TEST(OneDnn, RunsOnTheThreadsItWasChosenFor) {
  const bool on_tbb = dnnl_version()->cpu_runtime == DNNL_RUNTIME_TBB;
  EXPECT_EQ(on_tbb, HEADRACE_DNNL_TBB == 1);
}

TEST(OneDnn, LoadsNothingProprietary) {
  std::ifstream maps("/proc/self/maps");
  ASSERT_TRUE(maps);
  bool dnnl_seen = false;
  for (std::string line; std::getline(maps, line);) {
    dnnl_seen = dnnl_seen || line.find("libdnnl.so") != std::string::npos;
    for (const char* library : {"libimf", "libintlc", "libsvml", "libirng"})
      EXPECT_EQ(line.find(library), std::string::npos) << line;
  }
  EXPECT_TRUE(dnnl_seen);
}

}  // namespace
