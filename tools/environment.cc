#include "tools/environment.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "commit.h"

namespace headrace::tools {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line.empty() ? "unknown" : line;
}

/// The value behind "model name" of the first CPU.
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

int usable_cpus() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

}  // namespace

std::string version_number() { return HEADRACE_VERSION; }

std::string version_text() {
  return fmt::format("headrace {} ({}, {}, {})", HEADRACE_VERSION, HEADRACE_COMMIT, kCompiler,
                     HEADRACE_MARCH);
}

nlohmann::json environment() {
  utsname system{};
  uname(&system);
  std::array<double, 3> load{};
  const int loads = getloadavg(load.data(), static_cast<int>(load.size()));
  return {{"version", HEADRACE_VERSION},
          {"commit", HEADRACE_COMMIT},
          {"compiler", kCompiler},
          {"instruction_set", HEADRACE_MARCH},
          {"cpu", cpu_model()},
          {"cpus", usable_cpus()},
          {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
          {"kernel", system.release},
          {"load", loads > 0 ? nlohmann::json(load[0]) : nlohmann::json()},
          {"time", fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)))}};
}

int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace headrace::tools
