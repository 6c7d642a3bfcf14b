#pragma once

#include <string>
#include <string_view>

namespace headrace::comm {

/// The lines in which two texts differ, up to `most` of each, in the order of the texts:
///
///   rank 0, line 3: Allreduce of 10 float32
///   rank 2, line 3: Allreduce of 12 float32
///
/// Lines at the beginning and at the end that are equal are left out. Empty for equal texts.
std::string describe_difference(std::string_view a, std::string_view a_name, std::string_view b,
                                std::string_view b_name, size_t most = 6);

}  // namespace headrace::comm
