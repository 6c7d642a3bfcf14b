#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

/// One image, decoded, and its class.
struct Sample {
  int height = 0;
  int width = 0;
  int channels = 0;
  /// height x width x channels bytes, channels interleaved. Points into the source, which outlives
  /// the sample, or into `storage`.
  std::span<const uint8_t> pixels;
  std::vector<uint8_t> storage;  // for sources that decode; kept from sample to sample
  int32_t label = 0;             // in [0, classes)
};

/// A numbered set of labelled images. Thread-safe: any number of threads read at once.
class DataSource {
 public:
  virtual ~DataSource() = default;

  virtual int64_t size() const = 0;
  virtual int classes() const = 0;
  /// Fills `sample` with image `index`, in [0, size()). Throws kCorrupt if it cannot be decoded.
  virtual void read(int64_t index, Sample& sample) const = 0;
};

/// What a specification on the command line stands for.
struct DataSet {
  std::shared_ptr<const DataSource> train;
  std::shared_ptr<const DataSource> test;
  /// Per channel, of pixels scaled to [0, 1], over the training images.
  std::vector<float> mean;
  std::vector<float> deviation;
  std::vector<std::string> class_names;
};

/// Opens "KIND" or "KIND:WHERE", such as "fashion-mnist" or "fashion-mnist:/data/fashion". Throws
/// kNotFound for an unknown kind (with the known ones) or a missing file, kCorrupt for damaged
/// files.
DataSet open_data(std::string_view specification);

/// One line per kind of data, for help texts: "fashion-mnist[:DIR]  ...".
std::vector<std::string> data_kinds();

/// A static object of this type adds a kind. `open` receives what stands behind the colon, or "".
struct RegisterDataKind {
  using Open = DataSet (*)(std::string_view where);
  RegisterDataKind(std::string_view kind, std::string_view usage, Open open);
};

}  // namespace headrace
