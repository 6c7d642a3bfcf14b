#pragma once

#include <filesystem>

namespace headrace::testing {

/// Writes the four files of Fashion-MNIST with few images that are easy to tell apart: class c is a
/// bright row at height 2c + 4 on noise. 28x28 pixels, 10 classes.
void write_small_data(const std::filesystem::path& folder, int train = 200, int test = 70);

}  // namespace headrace::testing
