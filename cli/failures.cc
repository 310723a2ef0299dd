#include "cli/failures.h"

#include <cerrno>

namespace recrypt {
namespace {

constexpr uint64_t kShown = 100;

}  // namespace

void Failures::Add(const std::string& path, const Error& error) {
  Error with_path{error.code, path + ": " + error.message, error.os_error};
  const bool full = error.os_error == ENOSPC || error.os_error == EDQUOT;
  if (full && !full_) full_ = with_path;
  if (++count_ <= kShown) out_.Failure(with_path);
  if (!first_) first_ = std::move(with_path);
}

Status Failures::StopIfDiskIsFull() const {
  if (!full_) return {};
  return Fail(Error{ErrorCode::kIo,
                    "there is no room left: make some, and run this again, which goes on where it "
                    "stopped",
                    full_->os_error});
}

Status Failures::Close(uint64_t of) const {
  if (!first_) return {};
  return Fail(Error{
      first_->code,
      std::to_string(count_) + " of " + std::to_string(std::max(of, count_)) + " " + what_of_them_,
      first_->os_error});
}

}  // namespace recrypt
