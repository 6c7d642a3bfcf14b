#pragma once

#include <cstdint>
#include <functional>

#include "core/op_schema.h"

namespace headrace {

/// What the base rate is multiplied by in an iteration: a pure function.
using LearningRatePolicy = std::function<double(int64_t iteration)>;

/// Declares the arguments of all policies on the schema of LearningRate.
OpSchema& declare_learning_rate_policies(OpSchema& schema);

/// The policy that the arguments describe. Throws kInvalidArgument for unknown policies, missing or
/// senseless arguments.
LearningRatePolicy learning_rate_policy(const Args& args);

/// The policy `epochs`, in a file of its own: what is counted in epochs here is, for an iteration
/// t, t * batch_size / epoch_size.
OpSchema& declare_epochs_policy(OpSchema& schema);
LearningRatePolicy epochs_policy(const Args& args);

/// An argument of a policy: its value, the policy's own default, or an error when there is neither.
double policy_real(const Args& args, const char* name);
double policy_real(const Args& args, const char* name, double otherwise);
int64_t policy_integer(const Args& args, const char* name);
int64_t policy_integer(const Args& args, const char* name, int64_t otherwise);
/// The same for a number of iterations that has to be positive.
int64_t policy_length(const Args& args, const char* name);
int64_t policy_length(const Args& args, const char* name, int64_t otherwise);

}  // namespace headrace
