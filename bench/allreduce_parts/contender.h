#pragma once

#include <cstddef>
#include <string>

namespace headrace::bench {

/// A library that sums vectors, seen by one of its ranks. All ranks make the same calls.
class Contender {
 public:
  virtual ~Contender() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// What is summed from now on, in place: `data` stays where it is until release().
  virtual void prepare(float* data, size_t count) = 0;
  virtual void release() {}
  virtual void run() = 0;
  /// False for one that only moves as many bytes: there is no result to check.
  virtual bool sums() const { return true; }
  /// How it does that, in the library's words.
  virtual std::string algorithm() const = 0;

  /// One number of each rank, summed.
  virtual double sum(double value) = 0;
};

/// The number that rank 0 has, for all.
inline double agree(Contender& contender, double value) {
  return contender.sum(contender.rank() == 0 ? value : 0);
}

}  // namespace headrace::bench
