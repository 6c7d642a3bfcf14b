#include "data/image_batch.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/rng.h"

namespace headrace {
namespace {

/// Where a pixel of the result comes from: column flip(x) + dx, row y + dy.
struct Placement {
  int dx = 0;
  int dy = 0;
  bool flip = false;
};

Placement draw_placement(const Augmentation& augmentation, uint64_t seed,
                         const SampleStream::Draw& draw) {
  const Rng rng(seed, random_key("augmentation"), static_cast<uint64_t>(draw.epoch));
  const auto words = rng.block(static_cast<uint64_t>(draw.index));
  const uint32_t choices = 2 * static_cast<uint32_t>(augmentation.shift) + 1;
  return {.dx = static_cast<int>(words[0] % choices) - augmentation.shift,
          .dy = static_cast<int>(words[1] % choices) - augmentation.shift,
          .flip = augmentation.flip && (words[2] & 1) != 0};
}

/// A value for each of the 256 pixel values of a channel.
using Table = std::array<float, 256>;

std::vector<Table> make_tables(const Normalisation& normalisation) {
  std::vector<Table> tables(normalisation.mean.size());
  for (size_t c = 0; c < tables.size(); ++c) {
    for (size_t value = 0; value < 256; ++value) {
      tables[c][value] =
          (static_cast<float>(value) / 255.0f - normalisation.mean[c]) / normalisation.deviation[c];
    }
  }
  return tables;
}

void write_channel(const Sample& sample, int channel, const Table& table,
                   const Placement& placement, float* target) {
  const int width = sample.width;
  for (int y = 0; y < sample.height; ++y) {
    const int from_y = y + placement.dy;
    const bool row_inside = from_y >= 0 && from_y < sample.height;
    for (int x = 0; x < width; ++x) {
      const int from_x = (placement.flip ? width - 1 - x : x) + placement.dx;
      const bool inside = row_inside && from_x >= 0 && from_x < width;
      const size_t pixel = inside ? static_cast<size_t>(from_y * width + from_x) : 0;
      const uint8_t value = inside ? sample.pixels[pixel * static_cast<size_t>(sample.channels) +
                                                   static_cast<size_t>(channel)]
                                   : uint8_t{0};
      *target++ = table[value];
    }
  }
}

void fit(Tensor& tensor, const Shape& shape, DType dtype) {
  if (!tensor.defined() || tensor.shape() != shape) tensor = Tensor(shape, dtype);
}

}  // namespace

void read_batch(const DataSource& source, std::span<const SampleStream::Draw> draws,
                const Normalisation& normalisation, const Augmentation* augmentation, uint64_t seed,
                Batch& batch) {
  const std::vector<Table> tables = make_tables(normalisation);
  const int64_t count = static_cast<int64_t>(draws.size());
  Sample sample;
  Shape shape;  // of the first image
  for (int64_t i = 0; i < count; ++i) {
    source.read(draws[i].index, sample);
    const Shape found = {sample.channels, sample.height, sample.width};
    if (i == 0) {
      shape = found;
      require(static_cast<size_t>(sample.channels) == tables.size(), ErrorCode::kShapeMismatch,
              "images have {} channels, their mean and deviation are given for {}", sample.channels,
              tables.size());
      fit(batch.images, {count, shape[0], shape[1], shape[2]}, DType::kFloat32);
      fit(batch.labels, {count}, DType::kInt32);
    }
    require(found == shape, ErrorCode::kShapeMismatch,
            "image {} is {}, the first of its batch is {}", draws[i].index, found.to_string(),
            shape.to_string());
    const Placement placement =
        augmentation != nullptr ? draw_placement(*augmentation, seed, draws[i]) : Placement{};
    for (int c = 0; c < sample.channels; ++c) {
      float* target = batch.images.data<float>().data() + (i * shape[0] + c) * shape.product(1, 3);
      write_channel(sample, c, tables[static_cast<size_t>(c)], placement, target);
    }
    batch.labels.data<int32_t>()[static_cast<size_t>(i)] = sample.label;
  }
}

}  // namespace headrace
