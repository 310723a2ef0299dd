#include "cli/console/rotations.h"

namespace recrypt {

Rotations::~Rotations() {
  // No more are started by now: the map is nobody else's.
  for (auto& [label, job] : jobs_) {
    if (job.thread.joinable()) job.thread.join();
  }
}

Status Rotations::Start(const LabelName& label, std::set<std::string> without) {
  const std::lock_guard lock(mutex_);
  Job& job = jobs_[label];
  if (job.thread.joinable() && !job.rotation.outcome) {
    return Fail(ErrorCode::kBusy, label.text() + " is being given a new key already");
  }
  // One that has an outcome is at its end, and waits for nothing but this lock, which it has had.
  if (job.thread.joinable()) job.thread.join();
  job.rotation = {};
  job.thread = std::thread(
      [this, label, left_out = std::move(without)]() mutable { Run(label, std::move(left_out)); });
  return {};
}

void Rotations::Run(const LabelName& label, std::set<std::string> without) {
  RotationWanted wanted{std::move(without)};
  wanted.progress = [this, &label](uint64_t done, uint64_t total) {
    const std::lock_guard lock(mutex_);
    Rotation& rotation = jobs_.at(label).rotation;
    rotation.done = done;
    rotation.total = total;
  };
  auto outcome = RotateLabel(client_, label, wanted);
  const std::lock_guard lock(mutex_);
  jobs_.at(label).rotation.outcome = std::move(outcome);
}

std::optional<Rotations::Rotation> Rotations::Of(const LabelName& label) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(label);
  if (found == jobs_.end()) return std::nullopt;
  return found->second.rotation;
}

bool Rotations::any_running() {
  const std::lock_guard lock(mutex_);
  for (const auto& [label, job] : jobs_) {
    if (!job.rotation.outcome) return true;
  }
  return false;
}

}  // namespace recrypt
