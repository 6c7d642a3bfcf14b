#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include "data/data_source.h"
#include "tools/checks.h"
#include "tools/train/job.h"

namespace headrace::tools {

void TrainFlags::add_to(CLI::App& app) {
  nets.add_to(app);
  app.add_option("--data", data,
                 fmt::format("What to train on:\n{}", fmt::join(data_kinds(), "\n")))
      ->required()
      ->type_name("SPEC");
  app.add_option("-o,--output", folder, "Folder for nets, checkpoints, log and parameters")
      ->required()
      ->type_name("DIR");
  auto* trace_option =
      app.add_option("--trace", trace,
                     "Write a timeline (.json, Chrome trace format) of the last iterations; rank R "
                     "of several writes FILE-rankR")
          ->type_name("FILE")
          ->default_str("");
  app.add_flag(
      "--resume", resume,
      "Go on from the folder's checkpoint, bit for bit; a job that headrace launch starts again "
      "does so by itself");
  app.add_flag("--overwrite", overwrite, "Begin anew although the folder holds a training job")
      ->excludes("--resume");
  app.add_flag(
         "--allow-changes", allow_changes,
         "Resume although flags, threads or version differ; not bit for bit then. The batch of all "
         "ranks and the number of samples have to be the same: they count the progress")
      ->needs("--resume");
  app.add_option("--seeds", seeds,
                 "Train so many times, with --seed and the seeds after it, each in a folder of its "
                 "own in DIR, and report mean and standard deviation")
      ->check(whole_number(1))
      ->excludes(trace_option);
  app.add_option("--test-batch", test_batch,
                 "Images per batch of evaluation; 0: as many as a rank takes at once in training")
      ->check(whole_number(0));
  app.add_option(
         "--unroll", unroll,
         "Iterations in one run of the net: the next begins as its parameters arrive, while "
         "other gradients of the one before are still on their way. What is left before a "
         "checkpoint or the end of an epoch runs one by one. Same results, bit for bit; "
         "Ctrl-C ends behind the run")
      ->check(whole_number(1));
  app.add_option("--checkpoint-every", checkpoint_every,
                 "Also write a checkpoint every so many iterations; 0: after each epoch only")
      ->check(whole_number(0));
  app.add_option("--log-every", log_every, "Iterations per line of log.jsonl")
      ->check(whole_number(1));
  app.add_option("--shift", augmentation.shift,
                 "Move training images by up to so many pixels at random")
      ->check(whole_number(0));
  app.add_flag("--flip", augmentation.flip, "Mirror half of the training images at random");
  app.add_option("--trace-steps", trace_steps, "Iterations in the timeline")
      ->check(whole_number(1));
  app.add_flag("--json", json, "Print the result as one JSON object");
  execution.add_to(app);
  world.add_to(app);
  blobs.add_prediction_flags(app);
  blobs.add_training_flags(app);
}

}  // namespace headrace::tools
