#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "data/data_source.h"
#include "data/sample_stream.h"

namespace headrace {

/// Images and labels of one iteration: float32 [N, C, H, W], normalised, and int32 [N].
struct Batch {
  Tensor images;
  Tensor labels;
};

/// Random changes of training images, each keyed by (seed, epoch, sample): none by default.
struct Augmentation {
  /// The image is moved by up to this many pixels in each direction; what comes in is black.
  int shift = 0;
  /// Half of the images are mirrored.
  bool flip = false;
};

/// How pixels become numbers: (pixel / 255 - mean[c]) / deviation[c].
struct Normalisation {
  std::vector<float> mean;
  std::vector<float> deviation;
};

/// Reads `draws` from `source` into `batch`, whose tensors are reused when they fit. All images
/// must have the same size; throws kShapeMismatch otherwise. With a null augmentation the images
/// stay as they are.
void read_batch(const DataSource& source, std::span<const SampleStream::Draw> draws,
                const Normalisation& normalisation, const Augmentation* augmentation, uint64_t seed,
                Batch& batch);

}  // namespace headrace
