#pragma once

#include <filesystem>
#include <string_view>

#include "core/tensor.h"

namespace headrace {

/// Reads a NumPy array file (.npy, format versions 1 to 3) into a plain tensor on the CPU.
/// Big-endian and Fortran-ordered arrays are converted. Element types: float16/32/64,
/// int8/16/32/64, uint8/16 and bool; others are kUnsupported, object arrays (which are Python code)
/// among them.
///
/// Throws kNotFound or kIo if the file cannot be read, and kCorrupt if it is no such file or has
/// not exactly the bytes that its shape asks for. Nothing is allocated before that is known.
Tensor read_npy(const std::filesystem::path& path);

/// The same for content that is already in memory; `name` stands for the file in errors.
Tensor parse_npy(std::string_view content, std::string_view name);

/// Writes a tensor in logical order, atomically, as format version 1. Throws kUnsupported for
/// strings and bfloat16, which NumPy has no type for.
void write_npy(const Tensor& tensor, const std::filesystem::path& path);

}  // namespace headrace
