#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "comm/group.h"
#include "core/error.h"

namespace headrace::comm {

using Groups = std::vector<std::unique_ptr<Group>>;

/// How groups of threads are connected.
struct Wiring {
  std::string name;
  std::function<Groups(int size, const GroupOptions& options)> connect;
};

inline void PrintTo(const Wiring& wiring, std::ostream* out) { *out << wiring.name; }

/// Calls body(group) on one thread per rank. Returns what each ended with: empty, or its error.
inline std::vector<std::string> on_all_ranks(Groups& groups,
                                             const std::function<void(Group&)>& body) {
  std::vector<std::string> errors(groups.size());
  std::vector<std::thread> threads;
  for (size_t r = 0; r < groups.size(); ++r) {
    threads.emplace_back([&, r] {
      try {
        body(*groups[r]);
      } catch (const std::exception& error) {
        errors[r] = error.what();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return errors;
}

}  // namespace headrace::comm
