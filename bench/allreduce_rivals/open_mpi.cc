// What bench/allreduce measures, done by Open MPI: one rank of several that mpirun has started.
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#define OMPI_SKIP_MPICXX 1  // the C++ bindings are another library
#include <mpi.h>

#include "bench/allreduce_parts/local.h"
#include "bench/allreduce_parts/task.h"

namespace headrace::bench {
namespace {

class OpenMpi final : public Contender {
 public:
  OpenMpi() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void prepare(float* data, size_t count) override {
    data_ = data;
    count_ = static_cast<int>(count);
  }
  // Errors end the job: that is what MPI does where nobody has asked for anything else.
  void run() override {
    MPI_Allreduce(MPI_IN_PLACE, data_, count_, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  }
  std::string algorithm() const override { return "as MPI_Allreduce chooses"; }

  double sum(double value) override {
    MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    return value;
  }

 private:
  int rank_ = 0;
  int size_ = 1;
  float* data_ = nullptr;
  int count_ = 0;
};

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  headrace::bench::Task task;
  CLI::App app{"How long Open MPI takes to sum a vector of float32 in place. Run it by mpirun."};
  add_options(app, task);
  app.add_option("--transport", task.transport, "What mpirun was told to use, for the report");
  int result = 1;
  try {
    app.parse(argc, argv);
    headrace::bench::OpenMpi contender;
    headrace::bench::pin(contender.rank());
    task.ranks = contender.size();
    result = run_rank(contender, task,
                      fmt::format("Open MPI {}.{}.{}", OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION,
                                  OMPI_RELEASE_VERSION));
  } catch (const CLI::ParseError& error) {
    result = app.exit(error);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  MPI_Finalize();
  return result;
}
