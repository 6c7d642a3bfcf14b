#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace headrace::tools {

/// "0.1.0".
std::string version_number();
/// "headrace 0.1.0 (3f2a9c01d2e4, GCC 12.2.0, x86-64-v3)".
std::string version_text();

/// What a measurement depends on besides what is measured: version, commit, compiler, CPU, its
/// frequency governor, kernel, load of the machine.
nlohmann::json environment();

/// The most memory this process has had, in bytes.
int64_t peak_memory();

}  // namespace headrace::tools
