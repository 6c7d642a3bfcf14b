#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "operators/checks.h"

namespace headrace {
namespace {

using PrintTypes =
    Types<float, double, int32_t, int64_t, int16_t, uint16_t, int8_t, uint8_t, bool, std::string>;

void check_print(const Args& args) {
  require(args.integer("limit") >= 0, ErrorCode::kInvalidArgument,
          "'limit' is a number of elements, 0 for all; found {}", args.integer("limit"));
  require(args.integer("every_n") >= 1, ErrorCode::kInvalidArgument,
          "'every_n' must be at least 1, found {}", args.integer("every_n"));
}

const RegisterOperator print(
    OpSchema("Print")
        .doc("Writes a tensor as a line of text to the error output, or appends it to the file "
             "NAME.log.")
        .input("X")
        .arg("to_file", 0, "1: to NAME.log in the current folder, slashes as underscores")
        .arg("limit", 0, "elements to show; 0: all")
        .arg("every_n", 1, "in steps 0, n, 2n, ... only")
        .effect("screen")
        .may_block()
        .on_host()
        .infer([](const InferContext& context) {
          check_print(context.args);
          require_type(context, 0, PrintTypes{});
          return std::vector<TensorType>{};
        })
        .no_gradient());

template <typename T>
std::string line_of(const std::string& name, const TensorDesc& desc, const T* data, int64_t limit) {
  int64_t shown = limit == 0 ? desc.shape.numel() : std::min(limit, desc.shape.numel());
  std::string line = fmt::format("{} {}:", name, desc.to_string());
  for (int64_t i = 0; i < shown; ++i) line += fmt::format("{} {}", i == 0 ? "" : ",", data[i]);
  if (shown < desc.shape.numel()) {
    line += fmt::format(", and {} more", desc.shape.numel() - shown);
  }
  return line + "\n";
}

void append(const std::string& name, const std::string& line) {
  std::string path = name + ".log";
  std::ranges::replace(path, '/', '_');
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "a"), std::fclose);
  require(file != nullptr, ErrorCode::kIo, "cannot open {} to print into", path);
  bool written = std::fputs(line.c_str(), file.get()) >= 0 && std::fflush(file.get()) == 0;
  require(written, ErrorCode::kIo, "cannot write to {}", path);
}

const RegisterCpuKernel print_cpu("Print", [](const PrepareContext& prepare) {
  const Args& args = prepare.args;
  return dispatch(PrintTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [name = args.def().input(0), to_file = args.flag("to_file"), limit = args.integer("limit"),
         every = static_cast<uint64_t>(args.integer("every_n"))](OpContext& context) {
          if (context.step() % every != 0) return;
          std::string line = line_of(name, context.input_desc(0), context.input<T>(0), limit);
          if (to_file) return append(name, line);
          std::fputs(line.c_str(), stderr);
        });
  });
});

}  // namespace
}  // namespace headrace
