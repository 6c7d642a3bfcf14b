// Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747): 60,000 and 10,000 grey images of
// 28x28 pixels in 10 classes, in the four files of MNIST.
#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "data/data_source.h"
#include "data/idx.h"

namespace headrace {
namespace {

constexpr int kClasses = 10;
constexpr const char* kDebianFolder = "/usr/share/datasets/fashion-mnist";

class IdxSource final : public DataSource {
 public:
  IdxSource(IdxArray images, IdxArray labels)
      : images_(std::move(images)), labels_(std::move(labels)) {}

  int64_t size() const override { return images_.shape[0]; }
  int classes() const override { return kClasses; }

  void read(int64_t index, Sample& sample) const override {
    require(index >= 0 && index < size(), ErrorCode::kInvalidArgument,
            "image {} was asked for; there are {}", index, size());
    sample.height = static_cast<int>(images_.shape[1]);
    sample.width = static_cast<int>(images_.shape[2]);
    sample.channels = 1;
    const size_t pixels = static_cast<size_t>(images_.shape.product(1, 3));
    sample.pixels = {images_.elements.data() + static_cast<size_t>(index) * pixels, pixels};
    sample.label = labels_.elements[static_cast<size_t>(index)];
  }

 private:
  IdxArray images_;
  IdxArray labels_;
};

/// The file under its own name, or packed.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name) {
  for (const char* suffix : {"", ".gz"}) {
    const auto path = folder / (name + suffix);
    if (std::filesystem::exists(path)) return path;
  }
  fail(ErrorCode::kNotFound,
       "Fashion-MNIST is not in '{}': neither {} nor {}.gz is there. Debian's package "
       "dataset-fashion-mnist puts it into {}; fashion-mnist:DIR names another folder",
       folder.native(), name, name, kDebianFolder);
}

std::shared_ptr<const DataSource> open_part(const std::filesystem::path& folder,
                                            const std::string& part) {
  const auto image_file = find_file(folder, part + "-images-idx3-ubyte");
  const auto label_file = find_file(folder, part + "-labels-idx1-ubyte");
  IdxArray images = read_idx(image_file, 3);
  IdxArray labels = read_idx(label_file, 1);
  require(images.shape[0] == labels.shape[0], ErrorCode::kCorrupt,
          "'{}' has {} images and '{}' has {} labels: they do not belong together",
          image_file.native(), images.shape[0], label_file.native(), labels.shape[0]);
  require(images.shape.numel() > 0, ErrorCode::kCorrupt, "'{}' has no images", image_file.native());
  const auto wrong = std::ranges::find_if(labels.elements, [](int l) { return l >= kClasses; });
  require(wrong == labels.elements.end(), ErrorCode::kCorrupt,
          "'{}' has label {} for image {}; labels are below {}", label_file.native(),
          wrong == labels.elements.end() ? 0 : int{*wrong}, wrong - labels.elements.begin(),
          kClasses);
  return std::make_shared<IdxSource>(std::move(images), std::move(labels));
}

DataSet open_fashion_mnist(std::string_view where) {
  const std::filesystem::path folder = where.empty() ? kDebianFolder : std::string(where);
  return {.train = open_part(folder, "train"),
          .test = open_part(folder, "t10k"),
          .mean = {0.2860f},  // over the training images
          .deviation = {0.3530f},
          .class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                          "Sneaker", "Bag", "Ankle boot"}};
}

const RegisterDataKind kFashionMnist("fashion-mnist",
                                     "fashion-mnist[:DIR]  60,000 + 10,000 grey images of "
                                     "clothing, 28x28, 10 classes (Debian package "
                                     "dataset-fashion-mnist)",
                                     open_fashion_mnist);

}  // namespace
}  // namespace headrace
