#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

#include "core/completion.h"

namespace headrace::comm {

/// What has ended, kept until it can be reported with no lock held. Allocates nothing for a few.
class Finished {
 public:
  bool empty() const { return count_ == 0; }

  void add(Completion done, std::exception_ptr error) {
    if (count_ < first_.size()) {
      first_[count_] = {done, std::move(error)};
    } else {
      more_.emplace_back(done, std::move(error));
    }
    ++count_;
  }

  void report() {
    for (size_t i = 0; i < std::min(count_, first_.size()); ++i) {
      first_[i].first(std::move(first_[i].second));
    }
    for (auto& [done, error] : more_) done(std::move(error));
  }

 private:
  using Item = std::pair<Completion, std::exception_ptr>;
  std::array<Item, 8> first_;
  std::vector<Item> more_;
  size_t count_ = 0;
};

}  // namespace headrace::comm
