#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

/// What a training job has left in its folder.
namespace headrace::testing {

/// The lines of a log.
std::vector<nlohmann::json> lines_of(const std::filesystem::path& log);

/// Expects all tensors of two checkpoints, and the results of their epochs, to be equal, bit for
/// bit.
void expect_same(const std::filesystem::path& a, const std::filesystem::path& b);

/// Everything in a log that is not about time, by event and iteration. What a job that was killed
/// had done after its checkpoint is done, and logged, twice: expects it to be the same.
std::map<std::pair<std::string, int64_t>, nlohmann::json> measured(
    const std::filesystem::path& log);

}  // namespace headrace::testing
