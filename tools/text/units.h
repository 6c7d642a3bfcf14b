#pragma once

#include <cstdint>
#include <string>

namespace headrace::tools {

/// "25,557,032".
std::string count_text(int64_t count);
/// "512 B", "98.7 KB", "102.2 MB": decimal units.
std::string bytes_text(double bytes);
/// "740 ns", "12.3 us", "4.56 ms", "1.23 s".
std::string duration_text(double seconds);
/// "1:05" or "2:03:04", rounded to seconds: for what people wait for.
std::string waiting_text(double seconds);
/// "1 blob", "3 blobs".
std::string plural(int64_t count, const std::string& noun);

}  // namespace headrace::tools
