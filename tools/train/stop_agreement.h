#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "comm/common_world.h"
#include "core/completion_wait.h"

namespace headrace::tools {

/// Lets ranks stop at the same step when one of them is asked to. The question goes round while a
/// step is running, so that nobody waits for the answer.
class StopAgreement {
 public:
  explicit StopAgreement(std::shared_ptr<comm::CommonWorld> world) : world_(std::move(world)) {}
  ~StopAgreement() {
    if (!pending_) return;
    // A step has failed.
    world_->abort("training ended in the middle of a step");
    answer_->wait();
  }
  StopAgreement(const StopAgreement&) = delete;
  StopAgreement& operator=(const StopAgreement&) = delete;

  /// Before a step: whether this rank wants it to be the last one.
  void ask(bool stop) {
    asked_ = stop ? 1 : 0;
    answer_.emplace();
    world_->start({.reduction = comm::Reduction::kMax,
                   .dtype = DType::kInt32,
                   .data = &asked_,
                   .count = 1,
                   .name = "request to stop"},
                  nullptr, answer_->completion());
    pending_ = true;
  }

  /// After it: whether any rank wanted that. Throws what the communication failed with.
  bool answer() {
    pending_ = false;
    if (std::exception_ptr error = answer_->wait()) std::rethrow_exception(error);
    return asked_ != 0;
  }

 private:
  std::shared_ptr<comm::CommonWorld> world_;
  int32_t asked_ = 0;
  bool pending_ = false;
  std::optional<CompletionWait> answer_;
};

}  // namespace headrace::tools
